// SPDX-License-Identifier: Apache-2.0
// block_oracle.h - BlockOracle: tells whether another thread of this process is blocked in the
// kernel.
//
// The oracles themselves are in oracle/, and docs/block-oracles.md compares them. An oracle may be
// wrong: who acts on it makes sure by other means (the claim of server_word.h). It must not be
// slow, must not block, and must not allocate: it is asked by threads of the lowest priority. One
// oracle serves all threads of a runtime.
//
//     std::string why;
//     const std::unique_ptr<BlockOracle> oracle = choose_oracle("auto", &why);
//     oracle->attach(subject);                                    // the subject
//     if (oracle->look(subject, seen) == Look::kBlocked) ...      // anybody, now and then
#ifndef UMCG_KERNEL_SHIM_BLOCK_ORACLE_H_
#define UMCG_KERNEL_SHIM_BLOCK_ORACLE_H_

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace umcg::inline v0::internal::shim {

// A thread that is looked at. Filled in by attach(); what it means is the oracle's affair.
struct Subject {
  pid_t tid = 0;
  clockid_t clock = 0;  // of its CPU time
  int fd = -1;
  int state_fd = -1;
  void* memory = nullptr;
  bool by_clock = false;  // the oracle could not have it, and the clock stands in
};

enum class Look : std::uint8_t {
  kRuns,     // it runs, is kept from running by others only, or has run since the last look
  kUnknown,  // look again
  kBlocked,
};

class BlockOracle {
 public:
  BlockOracle() = default;
  BlockOracle(const BlockOracle&) = delete;
  BlockOracle& operator=(const BlockOracle&) = delete;
  // When no thread is attached any more.
  virtual ~BlockOracle() = default;
  virtual std::string_view name() const noexcept = 0;

  // attach() by the subject itself, before anybody looks at it; detach() by anybody after the last
  // look. attach() sets tid and clock in any case; false if the oracle cannot watch this thread,
  // and then there is nothing to detach. Both may change errno.
  virtual bool attach(Subject& subject) noexcept;
  virtual void detach(Subject& subject) noexcept;

  // By any thread, and may change its errno. `seen` belongs to the looker, one for each subject:
  // what the last look showed. 0 before the first look, and never after one that told anything.
  // Of a thread that ended without a detach it may say anything.
  virtual Look look(const Subject& subject, std::uint64_t& seen) noexcept = 0;
};

enum class OracleKind : std::uint8_t { kClock, kProc, kPerf, kBpf };

// "clock", "proc", "perf", "bpf".
std::string_view name_of(OracleKind kind) noexcept;

// nullptr if this machine, or this build, has nothing of the kind. That there is one does not mean
// that it works.
std::unique_ptr<BlockOracle> make_oracle(OracleKind kind);

// Tries the oracle on a thread of its own, which blocks and then computes: true if both were seen.
// Well below a millisecond if it works; one that never sees the block is given up after some 20 ms.
// By plain threads.
bool oracle_works(BlockOracle& oracle) noexcept;

// The oracle to use, never null. "" and "auto": the first of clock, proc and perf that works. A
// name of a kind: that one if it works. If the wish cannot be granted *why says so in words, and is
// empty otherwise. What was tried is remembered for the process. A thread that the oracle cannot
// have (no descriptor, no locked memory left) is watched by its clock. By plain threads.
std::unique_ptr<BlockOracle> choose_oracle(std::string_view wanted, std::string* why);

// The thread's CPU clock stands still from one look to the next. Needs no permission and no /proc,
// but two looks with time for a switch between them. 0.3 to 0.6 us.
std::unique_ptr<BlockOracle> make_clock_oracle();

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_BLOCK_ORACLE_H_
