// SPDX-License-Identifier: Apache-2.0
#include "runtime/monitoring/live_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>

#include "kernel_shim/oracle/describe_block.h"
#include "kernel_shim/shared/system_calls.h"
#include "runtime/base/sanitizers.h"
#include "runtime/base/text.h"
#include "runtime/handoff/server_word.h"
#include "runtime/runtime_core.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace umcg::inline v0::internal {
namespace {

constexpr std::size_t kPage = 4096;
constexpr const char* kName = "umcg-runtime";
constexpr std::string_view kMagic = "umcg-1 \n";  // 1: of the text's form

constexpr std::size_t pages(std::size_t bytes) noexcept {
  return (bytes + kPage - 1) / kPage * kPage;
}

bool may_be_so_large(std::size_t size) noexcept {
  rlimit limit{};
  return ::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
         limit.rlim_cur >= size;
}

// {"name":[offset,size],...} of members; offsets count from the begin of what they belong to.
class Members {
 public:
  explicit Members(const void* base) : base_(static_cast<const std::byte*>(base)) {}

  template <class T>
  Members& add(std::string_view name, const T& member) {
    const auto offset = reinterpret_cast<const std::byte*>(&member) - base_;
    if (!text_.empty()) text_ += ',';
    text_ += json_string(name) + ":[" + std::to_string(offset) + "," +
             std::to_string(sizeof member) + "]";
    return *this;
  }
  Members& add_counters(const Counters& counters) {
#define UMCG_MEMBER(name, description) add(#name, counters.name);
    UMCG_COUNTERS(UMCG_MEMBER)
#undef UMCG_MEMBER
    return *this;
  }
  std::string text() const { return "{" + text_ + "}"; }

 private:
  const std::byte* const base_;
  std::string text_;
};

std::string counter_descriptions() {
  std::string text;
#define UMCG_DESCRIPTION(name, description) \
  text += (text.empty() ? "{" : ",") + json_string(#name) + ":" + json_string(description);
  UMCG_COUNTERS(UMCG_DESCRIPTION)
#undef UMCG_DESCRIPTION
  return text + "}";
}

std::string system_calls() {
  constexpr long kMost = 512;
  std::string text = "{";
  for (long n = 0; n < kMost; ++n) {
    const std::string_view name = shim::syscall_name(n);
    if (name.empty()) continue;
    if (text.size() > 1) text += ',';
    text += json_string(std::to_string(n)) + ":" + json_string(name);
  }
  return text + "}";
}

template <class T>
T* make_array(std::byte* at, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) ::new (at + i * sizeof(T)) T;
  return std::launder(reinterpret_cast<T*>(at));
}

}  // namespace

LivePage::LivePage(std::size_t servers, std::size_t most_workers) {
  const std::size_t servers_at = kTextSize;
  const std::size_t shared_at = servers_at + pages(servers * sizeof(Server));
  const std::size_t workers_at = shared_at + pages(sizeof(LiveShared));
  size_ = workers_at + pages(most_workers * sizeof(LiveWorker));
  if (!map_shared(size_)) map_private(size_);
  // This also fetches the pages, which must not happen inside the runtime. Those of workers come
  // when the monitor touches them.
  servers_ = {make_array<Server>(memory_ + servers_at, servers), servers};
  shared_ = make_array<LiveShared>(memory_ + shared_at, 1);
  workers_ = {reinterpret_cast<LiveWorker*>(memory_ + workers_at), most_workers};
#if UMCG_ASAN
  __lsan_register_root_region(memory_, size_);  // servers refer to stacks
#endif
}

LivePage::~LivePage() {
  for (Server& s : servers_) s.~Server();
  shared_->~LiveShared();
#if UMCG_ASAN
  __lsan_unregister_root_region(memory_, size_);
#endif
  ::munmap(memory_, size_);
  struct stat now {};
  if (fd_ >= 0 && ::fstat(fd_, &now) == 0 && now.st_ino == inode_) ::close(fd_);
}

bool LivePage::map_shared(std::size_t size) noexcept {
  if (!may_be_so_large(size)) return false;  // it would be a signal
  const int fd = shim::make_memfd(kName);
  if (fd < 0) return false;
  struct stat about {};
  if (::fchmod(fd, S_IRUSR | S_IWUSR) == 0 && ::fstat(fd, &about) == 0 &&
      ::ftruncate(fd, static_cast<off_t>(size)) == 0) {
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory != MAP_FAILED) {
      // Refused before Linux 5.1; the mode is what protects it then.
      (void)::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE);
      memory_ = static_cast<std::byte*>(memory);
      fd_ = fd;
      inode_ = about.st_ino;
      return true;
    }
  }
  ::close(fd);
  return false;
}

void LivePage::map_private(std::size_t size) {
  void* const memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
}

void LivePage::describe(const RuntimeCore& rt) {
  const auto array = [this](const void* at, std::size_t stride, std::size_t count,
                            const Members& members) {
    return "{\"at\":" + std::to_string(static_cast<const std::byte*>(at) - memory_) +
           ",\"stride\":" + std::to_string(stride) + ",\"count\":" + std::to_string(count) +
           ",\"members\":" + members.text() + "}";
  };
  const Server& s = servers_.front();
  Members server(&s);
  server.add_counters(s.counters).add("hogs", s.hogs);
  server.add("ready_head", s.ready.oldest_end()).add("ready_tail", s.ready.newest_end());
  server.add("fresh_top", s.fresh.oldest_end()).add("fresh_bottom", s.fresh.newest_end());
  Members shared(shared_);
  shared.add_counters(shared_->counters)
      .add("queued", shared_->queued)
      .add("workers", shared_->workers)
      .add("published_at", shared_->published_at);
  const LiveWorker& w = workers_.front();
  Members worker(&w);
  worker.add("tid", w.tid).add("fiber", w.fiber).add("server", w.server);
  worker.add("since", w.since).add("name", w.name);
  const Stats stats = rt.stats();
  const std::string text =
      "{\"pid\":" + std::to_string(::getpid()) + ",\"name\":" + json_string(stats.name) +
      ",\"handoff\":" + json_string(stats.handoff) + ",\"oracle\":" + json_string(stats.oracle) +
      ",\"servers\":" + array(servers_.data(), sizeof(Server), servers_.size(), server) +
      ",\"shared\":" + array(shared_, sizeof(LiveShared), 1, shared) +
      ",\"workers\":" + array(workers_.data(), sizeof(LiveWorker), workers_.size(), worker) +
      ",\"counters\":" + counter_descriptions() + ",\"system_calls\":" + system_calls() + "}\n";
  if (kMagic.size() + text.size() >= kTextSize) return;  // names are not that long
  std::memcpy(memory_ + kMagic.size(), text.data(), text.size());
  // Last, by release: a reader that finds it finds the rest.
  std::uint64_t magic;
  static_assert(kMagic.size() == sizeof magic);
  std::memcpy(&magic, kMagic.data(), sizeof magic);
  std::atomic_ref(*reinterpret_cast<std::uint64_t*>(memory_))
      .store(magic, std::memory_order_release);
}

void LivePage::publish(RuntimeCore& rt, std::int64_t now) noexcept {
  if (fd_ < 0) return;
  const std::size_t count = std::min<std::size_t>(rt.workers().count(), workers_.size());
  // Names are freed under this lock. Who holds it may hold it for long: next time, then.
  const std::unique_lock names(rt.stop_lock(), std::try_to_lock);
  if (!names.owns_lock()) return;
  for (std::size_t i = 0; i < count; ++i) workers_[i].holds = 0;
  for (const Server& s : servers_) {
    const std::uint64_t word = s.word->load(std::memory_order_relaxed);
    if (word != 0 && worker_of(word) < count) workers_[worker_of(word)].holds = s.index + 1;
  }
  for (std::uint32_t i = 0; i < count; ++i) publish_worker(rt, i, now);
  shared_->queued.store(rt.inject_queue().size_hint(), std::memory_order_relaxed);
  shared_->workers.store(count, std::memory_order_relaxed);
  shared_->published_at.store(static_cast<std::uint64_t>(now), std::memory_order_relaxed);
}

void LivePage::publish_worker(RuntimeCore& rt, std::uint32_t index, std::int64_t now) noexcept {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const Worker& w = rt.workers().at(index);
  LiveWorker& to = workers_[index];
  if (!w.watchable.load(std::memory_order_acquire)) return;
  to.tid.store(static_cast<std::uint64_t>(w.subject.tid), kRelaxed);
  const std::uint64_t server = to.holds;
  const std::uint64_t turn = server != 0 ? servers_[server - 1].tick.load(kRelaxed) : 0;
  const FiberCore* const f = w.current.look();
  const std::uint64_t fiber = f != nullptr ? f->id_now() : 0;
  if (to.fiber.load(kRelaxed) == fiber && to.server.load(kRelaxed) == server && to.turn == turn) {
    return;
  }
  to.turn = turn;
  to.since.store(static_cast<std::uint64_t>(now), kRelaxed);
  to.server.store(server, kRelaxed);
  std::uint64_t name[LiveWorker::kNameWords] = {};
  if (f != nullptr) {
    f->name_now().copy(reinterpret_cast<char*>(name), sizeof name);
  }
  for (std::size_t i = 0; i < LiveWorker::kNameWords; ++i) to.name[i].store(name[i], kRelaxed);
  to.fiber.store(fiber, kRelaxed);
}

}  // namespace umcg::inline v0::internal
