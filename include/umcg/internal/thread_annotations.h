// SPDX-License-Identifier: Apache-2.0
// thread_annotations.h - clang's thread-safety attributes under names of our own; nothing
// elsewhere.
//
// The locks of umcg carry them, so clang's -Wthread-safety checks code that locks by lock() and
// unlock() or by the guards of umcg/lock_guard.h. The standard library's guards are not annotated:
// clang does not see what they hold. Users may mark their own data:
//
//     umcg::Mutex mutex;
//     int balance UMCG_GUARDED_BY(mutex) = 0;
#ifndef UMCG_INTERNAL_THREAD_ANNOTATIONS_H_
#define UMCG_INTERNAL_THREAD_ANNOTATIONS_H_

#if defined(__clang__)
#define UMCG_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define UMCG_THREAD_ATTRIBUTE(x)
#endif

// Of a class: a lock; an object that holds one over its life.
#define UMCG_CAPABILITY(name) UMCG_THREAD_ATTRIBUTE(capability(name))
#define UMCG_SCOPED_CAPABILITY UMCG_THREAD_ATTRIBUTE(scoped_lockable)

// Of data: only under the lock; what the pointer refers to, only under the lock.
#define UMCG_GUARDED_BY(lock) UMCG_THREAD_ATTRIBUTE(guarded_by(lock))
#define UMCG_PT_GUARDED_BY(lock) UMCG_THREAD_ATTRIBUTE(pt_guarded_by(lock))

// Of a function: what it takes, gives back, tries, needs, and must not find held.
#define UMCG_ACQUIRE(...) UMCG_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define UMCG_ACQUIRE_SHARED(...) UMCG_THREAD_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define UMCG_RELEASE(...) UMCG_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define UMCG_RELEASE_SHARED(...) UMCG_THREAD_ATTRIBUTE(release_shared_capability(__VA_ARGS__))
#define UMCG_RELEASE_GENERIC(...) UMCG_THREAD_ATTRIBUTE(release_generic_capability(__VA_ARGS__))
#define UMCG_TRY_ACQUIRE(...) UMCG_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define UMCG_TRY_ACQUIRE_SHARED(...) \
  UMCG_THREAD_ATTRIBUTE(try_acquire_shared_capability(__VA_ARGS__))
#define UMCG_REQUIRES(...) UMCG_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define UMCG_REQUIRES_SHARED(...) UMCG_THREAD_ATTRIBUTE(requires_shared_capability(__VA_ARGS__))
#define UMCG_EXCLUDES(...) UMCG_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define UMCG_ASSERT_CAPABILITY(...) UMCG_THREAD_ATTRIBUTE(assert_capability(__VA_ARGS__))
#define UMCG_ASSERT_SHARED_CAPABILITY(...) \
  UMCG_THREAD_ATTRIBUTE(assert_shared_capability(__VA_ARGS__))
#define UMCG_RETURN_CAPABILITY(lock) UMCG_THREAD_ATTRIBUTE(lock_returned(lock))
#define UMCG_NO_THREAD_SAFETY_ANALYSIS UMCG_THREAD_ATTRIBUTE(no_thread_safety_analysis)

#endif  // UMCG_INTERNAL_THREAD_ANNOTATIONS_H_
