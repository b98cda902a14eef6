// SPDX-License-Identifier: Apache-2.0
#include "rpc/region.h"

#include <absl/status/status.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

namespace umcg::inline v0::rpc {
namespace {

bool is_valid(const RegionOptions& o) {
  return o.clients != 0 && o.clients <= kMaxClients && o.slots != 0 && o.slots <= kMaxSlots &&
         o.max_payload != 0 && o.max_payload <= kMaxPayload;
}

absl::Status error(int result, const char* what) { return absl::ErrnoToStatus(-result, what); }

}  // namespace

absl::StatusOr<Region> Region::create(const RegionOptions& options) {
  if (!is_valid(options)) return absl::InvalidArgumentError("RegionOptions out of range");
  int fd = -1;
  int result = umcg_shared_create(0, options.clients + 1, Layout(options).bytes(), &fd);
  if (result != 0) return error(result, "umcg_shared_create");
  auto shared = std::make_shared<const Shared>(fd, options);
  // Joined for a moment: that maps the memory.
  umcg_shared_task* task = nullptr;
  result = umcg_shared_join(fd, 0, kServerPlace, &task);
  if (result != 0) return error(result, "umcg_shared_join");
  void* data = nullptr;
  std::size_t bytes = 0;
  umcg_shared_data(task, &data, &bytes);
  new (data)
      RegionHeader{RegionHeader::kMagic, options.clients, options.slots, options.max_payload};
  umcg_shared_leave(task, 0);
  return Region(std::move(shared));
}

absl::StatusOr<Region> Region::open(int fd) {
  umcg_shared_task* task = nullptr;
  int result = -EBUSY;
  for (std::uint32_t place = 1; place <= kMaxClients && result == -EBUSY; ++place) {
    result = umcg_shared_join(fd, 0, place, &task);
  }
  if (result != 0) return error(result, "not a region, or no place in it");
  void* data = nullptr;
  std::size_t bytes = 0;
  umcg_shared_data(task, &data, &bytes);
  RegionHeader header{};
  if (bytes >= sizeof header) std::memcpy(&header, data, sizeof header);
  umcg_shared_leave(task, 0);
  const RegionOptions options = {.clients = header.clients,
                                 .slots = header.slots,
                                 .max_payload = static_cast<std::size_t>(header.max_payload)};
  if (header.magic != RegionHeader::kMagic || !is_valid(options) ||
      Layout(options).bytes() > bytes) {
    return absl::InvalidArgumentError("not a region");
  }
  return Region(std::make_shared<const Shared>(fd, options));
}

int Region::fd() const noexcept { return shared_->descriptor; }
const RegionOptions& Region::options() const noexcept { return shared_->options; }

Membership::Membership(const Region& region, std::uint32_t first_place, std::uint32_t last_place) {
  int result = -EBUSY;
  for (place_ = first_place; place_ <= last_place; ++place_) {
    result = umcg_shared_join(region.fd(), 0, place_, &task_);
    if (result != -EBUSY) break;
  }
  if (result != 0) throw std::system_error(-result, std::generic_category(), "umcg::rpc");
  void* data = nullptr;
  std::size_t bytes = 0;
  umcg_shared_data(task_, &data, &bytes);
  data_ = static_cast<std::byte*>(data);
  umcg_shared_self(task_, &id_);
}

}  // namespace umcg::inline v0::rpc
