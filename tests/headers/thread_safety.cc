// SPDX-License-Identifier: Apache-2.0
// thread_safety.cc - what clang's lock analysis must refuse. thread_safety.sh compiles it once for
// each CASE; all but case 0 must be refused.
#include "umcg/lock_guard.h"
#include "umcg/mutex.h"
#include "umcg/recursive_mutex.h"
#include "umcg/shared_mutex.h"

umcg::Mutex mutex;
umcg::RecursiveMutex recursive;
umcg::SharedMutex shared;
int plain UMCG_GUARDED_BY(mutex) = 0;
int again UMCG_GUARDED_BY(recursive) = 0;
int table UMCG_GUARDED_BY(shared) = 0;

void needs_mutex() UMCG_REQUIRES(mutex);
void needs_mutex() { ++plain; }

int statements() {
#if CASE == 0
  {
    umcg::LockGuard guard(mutex);
    needs_mutex();
  }
  mutex.lock();
  {
    umcg::LockGuard guard(mutex, std::adopt_lock);
    ++plain;
  }
  if (mutex.try_lock()) {
    ++plain;
    mutex.unlock();
  }
  if (mutex.lock({}, umcg::Deadline()) == umcg::WaitStatus::kReady) {
    mutex.assert_held();
    ++plain;
    mutex.unlock();
  }
  {
    umcg::LockGuard guard(recursive);
    ++again;
  }
  {
    umcg::LockGuard guard(shared);
    ++table;
  }
  umcg::SharedLockGuard guard(shared);
  return table;
#elif CASE == 1
  return plain;
#elif CASE == 2
  needs_mutex();
  return 0;
#elif CASE == 3
  mutex.lock();
  return 0;
#elif CASE == 4
  mutex.unlock();
  return 0;
#elif CASE == 5
  mutex.lock();
  mutex.lock();
  mutex.unlock();
  return 0;
#elif CASE == 6
  umcg::SharedLockGuard guard(shared);
  return ++table;  // writes as a reader
#elif CASE == 7
  (void)mutex.try_lock();
  return plain;
#elif CASE == 8
  umcg::LockGuard guard(mutex);
  return again;  // the wrong lock
#elif CASE == 9
  shared.lock_shared();
  shared.unlock();
  return 0;
#endif
}
