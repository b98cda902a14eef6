// SPDX-License-Identifier: Apache-2.0
// bpf_oracle.cc - a program in the kernel notes at each context switch whether the thread that
// leaves its CPU blocks.
//
// The program (bpf_program.cc) writes a word for each subject into memory that we have mapped, so a
// look is one load. It is exact: the kernel says itself whether it preempts or puts to sleep, and
// whether that sleep is a stop. Only a wake-up leaves no trace until the thread runs: that needed a
// second program, for wake-ups, and would make every one of the machine dearer.
//
// The price is that the program runs at every switch of the machine, and looks for both threads in
// a hash table. The kernel takes it from root, or from who has CAP_BPF and CAP_PERFMON. A process
// that gives up its privileges keeps what is attached; threads attached later are watched by their
// clocks if the kernel then refuses.
//
// Rejected: libbpf and a program compiled from C. It would be a dependency of the build (a library,
// clang, type information of the kernel that it is for) for 50 instructions.
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <vector>

#include "kernel_shim/oracle/bpf_program.h"
#include "kernel_shim/oracle/kinds.h"

namespace umcg::inline v0::internal::shim {
namespace {

constexpr std::uint32_t kSlots = 4096;  // threads at once; 256 KiB

int bpf(bpf_cmd command, bpf_attr& attr) noexcept {
  return static_cast<int>(::syscall(SYS_bpf, command, &attr, sizeof attr));
}

template <class T>
std::uint64_t address(T* p) noexcept {
  return reinterpret_cast<std::uintptr_t>(p);
}

// A descriptor, -1 if the kernel refused it.
class Fd {
 public:
  explicit Fd(int fd) noexcept : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  const int fd_;
};

int create_map(bpf_map_type type, std::size_t key, std::size_t value, std::uint32_t flags) {
  bpf_attr attr{};
  attr.map_type = type;
  attr.key_size = static_cast<std::uint32_t>(key);
  attr.value_size = static_cast<std::uint32_t>(value);
  attr.max_entries = kSlots;
  attr.map_flags = flags;
  return bpf(BPF_MAP_CREATE, attr);
}

int load_program(const std::vector<bpf_insn>& code) {
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
  attr.insns = address(code.data());
  attr.insn_cnt = static_cast<std::uint32_t>(code.size());
  attr.license = address("Apache-2.0");  // no helper that is for the GPL only
  return bpf(BPF_PROG_LOAD, attr);
}

int attach_to_switches(int program) {
  bpf_attr attr{};
  attr.raw_tracepoint.name = address("sched_switch");
  attr.raw_tracepoint.prog_fd = static_cast<std::uint32_t>(program);
  return bpf(BPF_RAW_TRACEPOINT_OPEN, attr);
}

template <class Key>
void erase(int map, const Key& key) noexcept {
  bpf_attr attr{};
  attr.map_fd = static_cast<std::uint32_t>(map);
  attr.key = address(&key);
  bpf(BPF_MAP_DELETE_ELEM, attr);
}

std::uint64_t random_word() {
  std::uint64_t word = 0;
  return ::getrandom(&word, sizeof word, GRND_NONBLOCK) == sizeof word ? word : 0;
}

class BpfOracle final : public BlockOracle {
 public:
  // May come out broken.
  BpfOracle()
      : slots_(
            create_map(BPF_MAP_TYPE_ARRAY, sizeof(std::uint32_t), sizeof(BpfSlot), BPF_F_MMAPABLE)),
        tids_(create_map(BPF_MAP_TYPE_HASH, sizeof(std::uint32_t), sizeof(std::uint32_t), 0)),
        tasks_(create_map(BPF_MAP_TYPE_HASH, sizeof(std::uint64_t), sizeof(std::uint32_t), 0)),
        tid_program_(load_program(tid_program())),
        link_(load_and_attach()) {
    void* const memory =
        ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, slots_.get(), 0);
    if (memory != MAP_FAILED) memory_ = static_cast<BpfSlot*>(memory);
    for (std::uint32_t i = kSlots; i != 0; --i) free_.push_back(i - 1);
  }
  ~BpfOracle() override {
    if (memory_ != nullptr) ::munmap(memory_, kBytes);
  }

  bool is_whole() const noexcept {
    return slots_ && tids_ && tasks_ && tid_program_ && link_ && memory_ != nullptr;
  }

  std::string_view name() const noexcept override { return name_of(OracleKind::kBpf); }

  bool attach(Subject& subject) noexcept override {
    if (!BlockOracle::attach(subject)) return false;
    const std::optional<std::uint32_t> tid = kernel_tid();
    const std::optional<std::uint32_t> index = tid ? take_slot() : std::nullopt;
    if (!index) return false;
    BpfSlot& slot = memory_[*index];
    slot = {};
    owners_[*index] = *tid;
    bpf_attr attr{};
    attr.map_fd = static_cast<std::uint32_t>(tids_.get());
    attr.key = address(&*tid);
    attr.value = address(&*index);
    attr.flags = BPF_ANY;
    if (bpf(BPF_MAP_UPDATE_ELEM, attr) != 0) {
      give_back(*index);
      return false;
    }
    subject.memory = &slot;
    return true;
  }

  void detach(Subject& subject) noexcept override {
    auto& slot = *static_cast<BpfSlot*>(subject.memory);
    subject.memory = nullptr;
    const auto index = static_cast<std::uint32_t>(&slot - memory_);
    // In this order: once its tid is gone, no switch notes the task again.
    erase(tids_.get(), owners_[index]);
    const std::uint64_t task = std::atomic_ref(slot.task).load(std::memory_order_relaxed);
    if (task != 0) erase(tasks_.get(), task);
    give_back(index);
  }

  Look look(const Subject& subject, std::uint64_t& seen) noexcept override {
    seen = 1;
    auto& slot = *static_cast<BpfSlot*>(subject.memory);
    // Relaxed: the word is a hint, and publishes nothing.
    return std::atomic_ref(slot.blocked).load(std::memory_order_relaxed) != 0 ? Look::kBlocked
                                                                              : Look::kRuns;
  }

 private:
  static constexpr std::size_t kBytes = kSlots * sizeof(BpfSlot);

  int load_and_attach() const {
    if (!slots_ || !tids_ || !tasks_) return -1;
    const Fd program(load_program(switch_program({.slots = slots_.get(),
                                                  .tids = tids_.get(),
                                                  .tasks = tasks_.get(),
                                                  .secret = random_word()})));
    return program ? attach_to_switches(program.get()) : -1;
  }

  std::optional<std::uint32_t> kernel_tid() const noexcept {
    bpf_attr attr{};
    attr.test.prog_fd = static_cast<std::uint32_t>(tid_program_.get());
    if (bpf(BPF_PROG_TEST_RUN, attr) != 0) return std::nullopt;
    return attr.test.retval;
  }

  std::optional<std::uint32_t> take_slot() noexcept {
    std::lock_guard lock(mutex_);
    if (free_.empty()) return std::nullopt;
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  void give_back(std::uint32_t index) noexcept {
    std::lock_guard lock(mutex_);
    free_.push_back(index);
  }

  const Fd slots_;
  const Fd tids_;
  const Fd tasks_;
  const Fd tid_program_;
  const Fd link_;  // the program runs while this is open
  BpfSlot* memory_ = nullptr;
  std::array<std::uint32_t, kSlots> owners_{};  // tids; each written by its slot's thread
  std::mutex mutex_;                            // guards free_
  std::vector<std::uint32_t> free_;             // never grows beyond its first size
};

}  // namespace

std::unique_ptr<BlockOracle> make_bpf_oracle() {
  auto oracle = std::make_unique<BpfOracle>();
  if (!oracle->is_whole()) return nullptr;
  return oracle;
}

}  // namespace umcg::inline v0::internal::shim
