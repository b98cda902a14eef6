// SPDX-License-Identifier: Apache-2.0
// brief_look.h - BriefLook: looking for a moment before its user sleeps.
//
// Where the other side runs on another CPU, its answer comes within a microsecond; a sleep and a
// wake-up cost ten, on both sides. A look lasts about as long as a wake-up takes. Then one side
// that has just been woken still finds the other one looking, and from there on neither sleeps.
// Rejected: a shorter look. Whoever was woken answers one who has just gone to sleep, so both sleep
// for ever, or, after a lucky moment, never: the same calls took 1 or 30 us.
//
// It learns. After a few looks in vain (a long handler, seldom a call) it takes only one of many
// chances. With one CPU the other side cannot run meanwhile: then it never looks.
#ifndef UMCG_RPC_BRIEF_LOOK_H_
#define UMCG_RPC_BRIEF_LOOK_H_

#include <thread>

namespace umcg::inline v0::rpc {

// One user at a time.
class BriefLook {
 public:
  template <class Seen>
  bool sees(Seen seen) {
    if (is_alone_ || (trust_ == 0 && ++skipped_ % kSeldom != 0)) return false;
    for (int i = 0; i < kTries; ++i) {
      if (seen()) {
        trust_ = kTrust;
        return true;
      }
      relax();
    }
    if (trust_ > 0) --trust_;
    return false;
  }

 private:
  // Tells the CPU, and a hyperthread beside it, that somebody spins.
  static void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  static constexpr int kTries = 1000;  // 20 to 50 us
  static constexpr int kTrust = 8;
  static constexpr unsigned kSeldom = 32;
  // CPUs that this process may use.
  const bool is_alone_ = std::thread::hardware_concurrency() == 1;
  int trust_ = 1;
  unsigned skipped_ = 0;
};

}  // namespace umcg::inline v0::rpc

#endif  // UMCG_RPC_BRIEF_LOOK_H_
