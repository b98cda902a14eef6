// SPDX-License-Identifier: Apache-2.0
// block_oracle.h - BlockOracle: tells whether another thread of this process is blocked in the
// kernel.
//
// An oracle may be wrong: who acts on it makes sure by other means (the claim of server_word.h). It
// must not be slow, must not block, and must not allocate: it is asked by threads of the lowest
// priority. One oracle serves all threads of a runtime.
#ifndef UMCG_KERNEL_SHIM_BLOCK_ORACLE_H_
#define UMCG_KERNEL_SHIM_BLOCK_ORACLE_H_

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <memory>
#include <string_view>

namespace umcg::inline v0::internal::shim {

// A thread that is looked at. Filled in by attach(); what it means is the oracle's affair.
struct Subject {
  pid_t tid = 0;
  clockid_t clock = 0;  // of its CPU time
  int fd = -1;
  void* memory = nullptr;
};

enum class Look : std::uint8_t {
  kRuns,     // it has run since the last look
  kUnknown,  // look again
  kBlocked,
};

class BlockOracle {
 public:
  virtual ~BlockOracle() = default;
  virtual std::string_view name() const noexcept = 0;

  // By the subject itself, before anybody looks at it and after the last look. attach() sets tid
  // and clock in any case; false if the oracle cannot watch this thread.
  virtual bool attach(Subject& subject) noexcept;
  virtual void detach(Subject& subject) noexcept;

  // By any thread. `seen` belongs to the looker, one for each subject, and starts at 0: what the
  // last look showed.
  virtual Look look(const Subject& subject, std::uint64_t& seen) noexcept = 0;
};

// The thread's CPU clock stands still from one look to the next. Needs no permission and no /proc,
// but two looks with time for a switch between them. 0.3 to 0.6 us.
std::unique_ptr<BlockOracle> make_clock_oracle();

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_BLOCK_ORACLE_H_
