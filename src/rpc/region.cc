// SPDX-License-Identifier: Apache-2.0
#include "rpc/region.h"

#include <absl/status/status.h>

#include <cerrno>
#include <new>
#include <system_error>

#include "kernel_shim/shared/shared_task.h"

namespace umcg::inline v0::rpc {
namespace {

namespace shim = internal::shim;

bool is_valid(const RegionOptions& o) {
  return o.clients != 0 && o.clients <= kMaxClients && o.slots != 0 && o.slots <= kMaxSlots &&
         o.max_payload != 0 && o.max_payload <= kMaxPayload;
}

template <class T>
bool read_at(int fd, std::size_t offset, T& to) {
  return ::pread(fd, &to, sizeof to, static_cast<off_t>(offset)) == static_cast<ssize_t>(sizeof to);
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

// By reading, not as a member: all places may be taken. What it finds is checked again by whoever
// joins (Membership).
absl::StatusOr<Region> Region::open(int fd) {
  shim::GroupHeader group{};
  RegionHeader header{};
  if (!read_at(fd, 0, group) || group.tasks > UMCG_SHARED_MAX_TASKS ||
      !read_at(fd, shim::data_offset(group.tasks), header)) {
    return absl::InvalidArgumentError("not a region");
  }
  const RegionOptions options = {.clients = header.clients,
                                 .slots = header.slots,
                                 .max_payload = static_cast<std::size_t>(header.max_payload)};
  if (group.magic != shim::GroupHeader::kMagic || header.magic != RegionHeader::kMagic ||
      !is_valid(options) || Layout(options).bytes() > group.data_bytes) {
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
  // The group's header may have been rewritten since the region was opened.
  if (bytes < Layout(region.options()).bytes()) {
    umcg_shared_leave(task_, 0);
    throw std::system_error(EINVAL, std::generic_category(), "umcg::rpc: not a region any more");
  }
  data_ = static_cast<std::byte*>(data);
  umcg_shared_self(task_, &id_);
}

}  // namespace umcg::inline v0::rpc
