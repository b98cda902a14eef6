// SPDX-License-Identifier: Apache-2.0
// signal.h - SignalSet: a fiber or thread waits for a signal, instead of a handler that may do
// almost nothing.
//
//     umcg::SignalSet ends{SIGTERM, SIGINT};       // in main(), before the runtime: its workers
//     umcg::Runtime rt;                            // inherit the mask
//     auto server = rt.spawn(serve);
//     ends.wait();
//     server.request_stop();
//
// The constructor blocks the signals in the calling thread, and so in all that it makes from then
// on: the workers of a Runtime have the mask of whoever makes it; its service threads block every
// signal. A signal to the process is delivered to any thread that does not block it, with the
// default action, so make the set in main() before anything that starts threads. It stays blocked
// when the set is destroyed: a signal that comes late must not kill a process that is ending. Give
// it back by pthread_sigmask(3) in a child before exec(3), or the program there will not get it.
//
// A signal that comes while nobody waits is kept, once. With several waits, each signal ends one.
#ifndef UMCG_SIGNAL_H_
#define UMCG_SIGNAL_H_

#include <initializer_list>
#include <stop_token>

#include "umcg/internal/config.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

// How a wait for a signal ended; `signal` is its number if the status is kReady, else 0.
struct SignalResult {
  WaitStatus status;  // kReady: a signal came
  int signal;         // its number, else 0
};

class UMCG_API SignalSet {
 public:
  // A thread; see above for when. A fiber may make a set too if its thread blocks the signals
  // already; else it aborts. Throws std::invalid_argument for what cannot be waited for (SIGKILL,
  // SIGSTOP, the faults SIGSEGV, SIGBUS, SIGFPE, SIGILL, a number that is no signal's) and
  // std::system_error if there is no file descriptor.
  SignalSet(std::initializer_list<int> signals);
  SignalSet(const SignalSet&) = delete;
  SignalSet& operator=(const SignalSet&) = delete;
  // Nobody may be waiting.
  ~SignalSet();

  // Any fiber or thread. Waits for one of the signals and returns its number. Blocks the thread,
  // having handed a fiber's server over; may suspend, may migrate.
  int wait();
  // The interruptible form. Throws std::system_error if there is no file descriptor for the stop.
  SignalResult wait(std::stop_token stop, Deadline deadline = {});

 private:
  int fd_;  // a signalfd
};

}  // namespace umcg::inline v0

#endif  // UMCG_SIGNAL_H_
