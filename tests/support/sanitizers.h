// SPDX-License-Identifier: Apache-2.0
// sanitizers.h - how large a test may be in this build.
#ifndef UMCG_TESTS_SUPPORT_SANITIZERS_H_
#define UMCG_TESTS_SUPPORT_SANITIZERS_H_

#include <algorithm>

namespace umcg_test {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kTsan = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool kTsan = true;
#else
inline constexpr bool kTsan = false;
#endif
#else
inline constexpr bool kTsan = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAsan = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kAsan = true;
#else
inline constexpr bool kAsan = false;
#endif
#else
inline constexpr bool kAsan = false;
#endif

inline constexpr bool kSanitized = kTsan || kAsan;

// The same for the preprocessor.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define UMCG_TEST_SANITIZED 1
#elif defined(__has_feature)
#define UMCG_TEST_SANITIZED (__has_feature(thread_sanitizer) || __has_feature(address_sanitizer))
#else
#define UMCG_TEST_SANITIZED 0
#endif

// Rounds of a loop: a sanitizer slows the code ten times and more.
constexpr int scaled(int n) { return kSanitized ? std::max(1, n / 10) : n; }

// Fibers alive at once: TSan keeps a context of each and has room for some 8,000.
constexpr int live_fibers(int n) { return kSanitized ? std::min(n, 1500) : n; }

}  // namespace umcg_test

#endif  // UMCG_TESTS_SUPPORT_SANITIZERS_H_
