// SPDX-License-Identifier: Apache-2.0
// peek.h - looking at memory that somebody else owns, and that may be anything or gone by now.
#ifndef UMCG_RUNTIME_BASE_PEEK_H_
#define UMCG_RUNTIME_BASE_PEEK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace umcg::inline v0::internal {

// Copies n bytes; false where there is no memory. A system call, and safe in a signal handler.
bool peek(const void* from, void* to, std::size_t n) noexcept;

template <class T>
bool peek(const std::atomic<T>* from, T& to) noexcept {
  static_assert(sizeof(std::atomic<T>) == sizeof(T));
  return peek(static_cast<const void*>(from), &to, sizeof(T));
}

// Reads a word that is mapped, but that its owner writes without regard for us: a plain variable, a
// stack. One instruction that no compiler and no sanitizer looks into.
inline std::uint64_t glance(const void* from) noexcept {
#if defined(__x86_64__)
  std::uint64_t value;
  asm volatile("movq %1, %0" : "=r"(value) : "m"(*static_cast<const std::uint64_t*>(from)));
  return value;
#elif defined(__aarch64__)
  std::uint64_t value;
  asm volatile("ldr %0, %1" : "=r"(value) : "m"(*static_cast<const std::uint64_t*>(from)));
  return value;
#else
  return *static_cast<const volatile std::uint64_t*>(from);
#endif
}
template <class T>
T* glance_at(T* const& from) noexcept {
  return reinterpret_cast<T*>(static_cast<std::uintptr_t>(glance(&from)));
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_PEEK_H_
