// SPDX-License-Identifier: Apache-2.0
// channel_items.h - ChannelItems<T>: the part of a channel that knows the type of its items.
#ifndef UMCG_INTERNAL_CHANNEL_ITEMS_H_
#define UMCG_INTERNAL_CHANNEL_ITEMS_H_

#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "umcg/internal/channel_core.h"
#include "umcg/wait.h"

namespace umcg::inline v0::internal {

template <class T>
class ChannelItems {
 public:
  static WaitStatus send(ChannelCore& core, T& item, const std::stop_token* stop,
                         Deadline deadline) {
    if constexpr (kMovesQuietly) {
      if (void* const cell = core.begin_send()) {
        ::new (cell) T(std::move(item));
        core.end_send();
        return WaitStatus::kReady;
      }
      return core.go_on_sending(std::addressof(item), stop, deadline);
    }
    return core.send(std::addressof(item), stop, deadline);
  }

  // `into` is empty.
  static WaitStatus recv(ChannelCore& core, std::optional<T>& into, const std::stop_token* stop,
                         Deadline deadline) {
    if constexpr (kMovesQuietly) {
      if (void* const first = core.begin_recv()) {
        T* const item = static_cast<T*>(first);
        into.emplace(std::move(*item));
        std::destroy_at(item);
        core.end_recv();
        return WaitStatus::kReady;
      }
      return core.go_on_receiving(&into, stop, deadline);
    }
    return core.recv(&into, stop, deadline);
  }

 private:
  static constexpr bool kMovesQuietly =
      std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>;

  static void put(void* cell, void* item) { ::new (cell) T(std::move(*static_cast<T*>(item))); }
  static void take(void* into, void* item) {
    static_cast<std::optional<T>*>(into)->emplace(std::move(*static_cast<T*>(item)));
  }
  static void clear(void* into) noexcept { static_cast<std::optional<T>*>(into)->reset(); }
  static void destroy(void* cell) noexcept { std::destroy_at(static_cast<T*>(cell)); }

 public:
  static constexpr ItemOps kOps{sizeof(T), alignof(T), put, take, clear, destroy};
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_INTERNAL_CHANNEL_ITEMS_H_
