// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/fiber_locals.h"

#include "runtime/context/thread_state.h"
#include "runtime/fiber/fiber_core.h"
#include "runtime/scheduler/worker.h"

namespace umcg::inline v0::internal {
namespace {

constinit std::atomic<std::uint64_t> g_last_key{0};

LocalValue*& values_here() noexcept {
  FiberCore* const f = current_fiber();
  return f != nullptr ? f->locals : thread_locals();
}

}  // namespace

constinit std::atomic<bool> g_locals_are_inherited{false};

std::uint64_t local_key(std::atomic<std::uint64_t>& key, bool inherited) noexcept {
  if (inherited) g_locals_are_inherited.store(true, std::memory_order_relaxed);
  std::uint64_t seen = key.load(std::memory_order_relaxed);
  if (seen != 0) return seen;
  const std::uint64_t fresh = g_last_key.fetch_add(1, std::memory_order_relaxed) + 1;
  return key.compare_exchange_strong(seen, fresh, std::memory_order_relaxed) ? fresh : seen;
}

LocalValue* find_local(std::uint64_t key) noexcept {
  LocalValue* v = values_here();
  while (v != nullptr && v->key != key) v = v->next;
  return v;
}

void add_local(LocalValue& value) noexcept {
  LocalValue*& first = values_here();
  if (current_fiber() == nullptr) destroy_thread_locals_at_end();
  value.next = first;
  first = &value;
}

LocalValue* take_local(std::uint64_t key) noexcept {
  for (LocalValue** link = &values_here(); *link != nullptr; link = &(*link)->next) {
    LocalValue* const v = *link;
    if (v->key != key) continue;
    *link = v->next;
    return v;
  }
  return nullptr;
}

void inherit_locals_slow(LocalValue*& to) {
  LocalValue** end = &to;
  for (const LocalValue* v = values_here(); v != nullptr; v = v->next) {
    if (v->copy == nullptr) continue;
    LocalValue* const copy = v->copy(*v);
    copy->key = v->key;
    *end = copy;
    end = &copy->next;
  }
}

void destroy_locals_slow(LocalValue*& values) noexcept {
  while (LocalValue* const v = values) {
    values = v->next;
    v->destroy(v);
  }
}

}  // namespace umcg::inline v0::internal
