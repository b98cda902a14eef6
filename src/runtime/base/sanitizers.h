// SPDX-License-Identifier: Apache-2.0
// sanitizers.h - which sanitizer this build is for, in one place.
#ifndef UMCG_RUNTIME_BASE_SANITIZERS_H_
#define UMCG_RUNTIME_BASE_SANITIZERS_H_

#if defined(__SANITIZE_THREAD__)
#define UMCG_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UMCG_TSAN 1
#endif
#endif
#ifndef UMCG_TSAN
#define UMCG_TSAN 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#define UMCG_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UMCG_ASAN 1
#endif
#endif
#ifndef UMCG_ASAN
#define UMCG_ASAN 0
#endif

#if UMCG_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if UMCG_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

#endif  // UMCG_RUNTIME_BASE_SANITIZERS_H_
