// SPDX-License-Identifier: Apache-2.0
// fiber_local.h - FiberLocal<T>: a value of its own for each fiber, and for each plain thread.
//
// What thread_local is to threads; a thread_local variable is shared by the fibers of a thread and
// lost when the fiber migrates.
//
//     static constinit umcg::FiberLocal<std::string> user;
//     *user = "ada";                       // made on first use, T()
//     log(user->size());
//
//     static constinit umcg::FiberLocal<Trace, umcg::Inherit::kCopy> trace;  // a child has a copy
//
// A value is destroyed at the end of its fiber, after the fiber's function and its arguments and
// before join() returns, the youngest first; of a plain thread, at the thread's end. Destructors
// may suspend on a fiber, and may use fiber-local values. With Inherit::kCopy, spawn() and post()
// copy the value of the fiber or thread that calls them, if it has one; what T's copy constructor
// throws they throw.
//
// References stay good while the value lives, wherever the fiber runs. Destroying the FiberLocal
// leaves the values alone: they go with their fibers. One word, constinit-able; a value is
// allocated. Each access is a walk over the fiber's values: meant for a handful. A fiber without
// values pays nothing.
#ifndef UMCG_FIBER_LOCAL_H_
#define UMCG_FIBER_LOCAL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "umcg/internal/config.h"

namespace umcg::inline v0 {

// What a new fiber begins with: nothing, or a copy of its spawner's value.
enum class Inherit : std::uint8_t { kNothing, kCopy };

namespace internal {

// What the runtime knows of a value: a link of its owner's list.
struct LocalValue {
  LocalValue* next = nullptr;
  std::uint64_t key = 0;
  void (*destroy)(LocalValue* self) noexcept = nullptr;
  LocalValue* (*copy)(const LocalValue& from) = nullptr;  // null: not inherited
};

// The key of a FiberLocal; made on first use, never used again for another one.
UMCG_API std::uint64_t local_key(std::atomic<std::uint64_t>& key, bool inherited) noexcept;
// Of the current fiber or thread. Never suspend.
UMCG_API LocalValue* find_local(std::uint64_t key) noexcept;
UMCG_API void add_local(LocalValue& value) noexcept;
UMCG_API LocalValue* take_local(std::uint64_t key) noexcept;

}  // namespace internal

template <class T, Inherit kInherit = Inherit::kNothing>
class FiberLocal {
  static_assert(std::is_object_v<T>);
  static_assert(kInherit == Inherit::kNothing || std::is_copy_constructible_v<T>,
                "umcg: an inherited value is copied");

 public:
  constexpr FiberLocal() noexcept = default;
  FiberLocal(const FiberLocal&) = delete;
  FiberLocal& operator=(const FiberLocal&) = delete;
  ~FiberLocal() = default;

  // Any fiber or thread, for all of these; each sees its own value. They suspend only if T does.

  // Made as T() if there is none yet. Throws what that throws, and std::bad_alloc.
  T& get() const {
    T* const found = try_get();
    return found != nullptr ? *found : make();
  }
  T& operator*() const { return get(); }
  T* operator->() const { return std::addressof(get()); }
  // Null if there is none yet.
  T* try_get() const noexcept {
    internal::LocalValue* const v = internal::find_local(key_.load(std::memory_order_relaxed));
    return v != nullptr ? std::addressof(static_cast<Value*>(v)->value) : nullptr;
  }
  // Destroys the value, if there is one.
  void reset() noexcept {
    if (auto* const v = internal::take_local(key_.load(std::memory_order_relaxed))) v->destroy(v);
  }

 private:
  struct Value : internal::LocalValue {
    Value() { begin(); }
    explicit Value(const Value& from) : LocalValue(), value(from.value) { begin(); }
    void begin() noexcept {
      destroy = [](LocalValue* self) noexcept { delete static_cast<Value*>(self); };
      if constexpr (kInherit == Inherit::kCopy) {
        copy = [](const LocalValue& from) -> LocalValue* {
          return new Value(static_cast<const Value&>(from));
        };
      }
    }
    T value{};
  };

  T& make() const {
    auto made = std::make_unique<Value>();
    made->key = internal::local_key(key_, kInherit == Inherit::kCopy);
    internal::add_local(*made);
    return made.release()->value;
  }

  mutable std::atomic<std::uint64_t> key_{0};
};

}  // namespace umcg::inline v0

#endif  // UMCG_FIBER_LOCAL_H_
