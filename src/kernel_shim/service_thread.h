// SPDX-License-Identifier: Apache-2.0
// service_thread.h - threads of the library's own, which run no user code.
#ifndef UMCG_KERNEL_SHIM_SERVICE_THREAD_H_
#define UMCG_KERNEL_SHIM_SERVICE_THREAD_H_

#include <pthread.h>
#include <signal.h>

#include <string>
#include <thread>
#include <utility>

namespace umcg::inline v0::internal {

// Starts a thread that receives no signals: those are for the user's threads. 15 bytes of the name
// are shown. Throws std::system_error if there is no thread to be had.
template <class F>
std::thread start_service_thread(const std::string& name, F f) {
  struct AllBlocked {
    sigset_t before;
    AllBlocked() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~AllBlocked() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  } blocked;
  std::thread thread(std::move(f));
  pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
  return thread;
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_KERNEL_SHIM_SERVICE_THREAD_H_
