// SPDX-License-Identifier: Apache-2.0
// report.h - how the runtime speaks to people: one line on standard error that begins with
// "umcg: fiber 12 "name": " or "umcg: thread 4711: ".
#ifndef UMCG_RUNTIME_BASE_REPORT_H_
#define UMCG_RUNTIME_BASE_REPORT_H_

namespace umcg::inline v0::internal {

struct FiberCore;

// A broken rule. Says who broke it and aborts. Safe in a signal handler.
[[noreturn, gnu::cold]] void die(const char* format, ...) noexcept
    __attribute__((format(printf, 1, 2)));
// The same about a given fiber.
[[noreturn, gnu::cold]] void die_of(const FiberCore& fiber, const char* format, ...) noexcept
    __attribute__((format(printf, 2, 3)));
// What people should know of, though work goes on.
[[gnu::cold]] void warn(const char* format, ...) noexcept __attribute__((format(printf, 1, 2)));
[[gnu::cold]] void warn_of(const FiberCore& fiber, const char* format, ...) noexcept
    __attribute__((format(printf, 2, 3)));

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_REPORT_H_
