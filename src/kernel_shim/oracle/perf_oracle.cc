// SPDX-License-Identifier: Apache-2.0
// perf_oracle.cc - the kernel writes a record at each context switch of the subject; the newest one
// tells how it left the CPU.
//
// Each thread has an event of its own, which counts nothing and records switches only. The ring is
// one page that is mapped without the right to write, so the kernel overwrites what is old and
// nobody has to read; it is written from the end to the beginning, so the newest record is the one
// that the head points at, and it can be read without knowing where older ones begin. A record is 8
// bytes, since no sample is attached: one load. Looking costs no system call.
//
// The race: between the load of the head and that of the record the thread may switch. The record
// read is a whole one all the same, this one or (after 512 more) a later one, and the head is
// loaded again: if it has moved, then the thread has just run.
//
// What it does not see: a wake-up leaves no record. A thread that has been woken and waits for a
// CPU looks blocked; so does one that is stopped. Each switch of the subject pays for its record.
//
// Rejected: one event with inherit for all threads and a ring per CPU. It is the cheapest per
// switch, but records then name threads and must be read in order, by somebody who keeps up. And a
// forked child writes into its parent's ring unless inherit_thread is there (Linux 5.13).
//
// The mapping keeps the event, so its descriptor is closed at once. Threads made later have no
// event (no inherit), and a forked child has no mapping.
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <bit>

#include "kernel_shim/oracle/kinds.h"

namespace umcg::inline v0::internal::shim {
namespace {

std::size_t page_size() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

int open_switch_event() noexcept {
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.exclude_kernel = 1;  // without it one needs a privilege
  attr.exclude_hv = 1;
  attr.context_switch = 1;
  attr.write_backward = 1;
  constexpr pid_t kThisThread = 0;
  constexpr int kAnyCpu = -1;
  constexpr int kNoGroup = -1;
  return static_cast<int>(
      ::syscall(SYS_perf_event_open, &attr, kThisThread, kAnyCpu, kNoGroup, PERF_FLAG_FD_CLOEXEC));
}

std::uint64_t load(__u64& word) noexcept {
  return std::atomic_ref<__u64>(word).load(std::memory_order_acquire);
}

class PerfOracle final : public BlockOracle {
 public:
  std::string_view name() const noexcept override { return name_of(OracleKind::kPerf); }

  bool attach(Subject& subject) noexcept override {
    if (!BlockOracle::attach(subject)) return false;
    const int fd = open_switch_event();
    if (fd < 0) return false;
    void* const memory = ::mmap(nullptr, 2 * page_, PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    if (memory == MAP_FAILED) return false;
    subject.memory = memory;
    return true;
  }

  void detach(Subject& subject) noexcept override {
    ::munmap(subject.memory, 2 * page_);
    subject.memory = nullptr;
  }

  Look look(const Subject& subject, std::uint64_t& seen) noexcept override {
    seen = 1;
    auto* const control = static_cast<perf_event_mmap_page*>(subject.memory);
    auto* const records = reinterpret_cast<__u64*>(static_cast<std::byte*>(subject.memory) + page_);
    // Acquire pairs with the kernel's write barrier between the record and the head.
    const std::uint64_t head = load(control->data_head);
    if (head == 0) return Look::kRuns;  // since attach()
    const std::uint64_t word = load(records[(head & (page_ - 1)) / sizeof(__u64)]);
    if (load(control->data_head) != head) return Look::kRuns;
    const auto record = std::bit_cast<perf_event_header>(word);
    if (record.type != PERF_RECORD_SWITCH) return Look::kUnknown;
    return (record.misc & (PERF_RECORD_MISC_SWITCH_OUT | PERF_RECORD_MISC_SWITCH_OUT_PREEMPT)) ==
                   PERF_RECORD_MISC_SWITCH_OUT
               ? Look::kBlocked
               : Look::kRuns;
  }

 private:
  const std::size_t page_ = page_size();
};

}  // namespace

std::unique_ptr<BlockOracle> make_perf_oracle() { return std::make_unique<PerfOracle>(); }

}  // namespace umcg::inline v0::internal::shim
