// SPDX-License-Identifier: Apache-2.0
#include "runtime/stack/stack_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>

#include "runtime/base/report.h"
#include "runtime/stack/guard.h"

namespace umcg::inline v0::internal {
namespace {

constexpr std::uint64_t kCanary = 0x756d'6367'5f65'6e64;  // "umcg_end"

constexpr std::size_t whole_pages(std::size_t bytes) noexcept { return bytes & ~std::size_t{4095}; }

std::size_t stack_bytes(std::size_t index) noexcept {
  const std::size_t size = StackPool::kMinSize << index;
  return size + whole_pages(size / 8);
}

// 64 KiB, since glibc's alloca may step over less; a quarter of small stacks, since a guard costs
// page-table entries.
std::size_t guard_bytes(std::size_t stack_size) noexcept {
  return std::clamp<std::size_t>(whole_pages(stack_size / 4), 4096, 64 * 1024);
}

// Slabs of about 32 MiB: few mappings, and few stacks that must be free before memory can go back.
std::size_t stacks_per_slab(std::size_t stride) noexcept {
  return std::clamp<std::size_t>((std::size_t{32} << 20) / stride, 1, 1024);
}

// Tops of stacks at one page offset would compete for the same few cache sets.
std::size_t colour(std::size_t slot) noexcept { return (slot % 16) * 64; }

}  // namespace

std::size_t StackPool::class_of(std::size_t size) noexcept {
  const std::size_t rounded = std::bit_ceil(std::clamp(size, kMinSize, kMaxSize));
  return static_cast<std::size_t>(std::countr_zero(rounded / kMinSize));
}

StackPool::StackPool(std::size_t default_size, EntryPoint entry)
    : default_class_(class_of(default_size)), entry_(entry) {}

StackPool::~StackPool() {
  for (SizeClass& c : classes_) {
    for (Stack* s = c.warm; s != nullptr; s = s->next) s->forget();
    while (c.slabs != nullptr) {
      std::unique_ptr<StackSlab> slab(c.slabs);
      c.slabs = slab->next;
      ::munmap(slab->memory, slab->bytes);
    }
  }
}

Stack* StackPool::allocate(std::size_t size) noexcept {
  const std::size_t index = size == 0 ? default_class_ : class_of(size);
  SizeClass& c = classes_[index];
  StackSlab* slab;
  std::size_t slot;
  {
    std::lock_guard lock(lock_);
    if (Stack* s = c.warm) {
      c.warm = s->next;
      --c.warm_count;
      return s;
    }
    slab = slab_to_carve(index);
    if (slab == nullptr) return nullptr;
    slot = slab->carved++;
  }
  return build(*slab, slot, index);  // touches a fresh page: not under the lock
}

bool StackPool::is_overwritten(const Stack& stack) noexcept {
  if (stack.guarded) return false;
  std::uint64_t found;
  std::memcpy(&found, stack.low, sizeof found);
  return found != kCanary;
}

void StackPool::release(Stack* stack) noexcept {
  const std::size_t index = stack->slab->index;
  std::lock_guard lock(lock_);
  stack->next = classes_[index].warm;
  classes_[index].warm = stack;
  ++classes_[index].warm_count;
}

StackSlab* StackPool::slab_to_carve(std::size_t index) noexcept {
  SizeClass& c = classes_[index];
  if (c.carving != nullptr && c.carving->carved < c.carving->count) return c.carving;
  c.carving = nullptr;
  for (StackSlab* s = c.slabs; s != nullptr; s = s->next) {
    if (s->carved < s->count) c.carving = s;
  }
  if (c.carving == nullptr) c.carving = add_slab(index);
  return c.carving;
}

StackSlab* StackPool::add_slab(std::size_t index) noexcept {
  std::unique_ptr<StackSlab> slab(new (std::nothrow) StackSlab);
  if (slab == nullptr) return nullptr;
  slab->index = index;
  slab->guard = guard_bytes(stack_bytes(index));
  slab->stride = slab->guard + stack_bytes(index);
  // Where so much is not to be had, half of it may be.
  void* memory = MAP_FAILED;
  for (slab->count = stacks_per_slab(slab->stride); slab->count != 0; slab->count /= 2) {
    slab->bytes = slab->count * slab->stride;
    memory = ::mmap(nullptr, slab->bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory != MAP_FAILED) break;
  }
  if (memory == MAP_FAILED) return nullptr;
  ::madvise(memory, slab->bytes, MADV_NOHUGEPAGE);
  slab->memory = static_cast<char*>(memory);
  slab->guards = install_guards(slab->memory, slab->count, slab->stride, slab->guard);
  slab->next = classes_[index].slabs;
  classes_[index].slabs = slab.get();
  mapped_.fetch_add(slab->count, std::memory_order_relaxed);
  return slab.release();
}

Stack* StackPool::build(StackSlab& slab, std::size_t slot, std::size_t index) noexcept {
  char* const low = slab.memory + slot * slab.stride + slab.guard;
  char* const end = slab.memory + (slot + 1) * slab.stride;
#if UMCG_ASAN
  __asan_unpoison_memory_region(low, static_cast<std::size_t>(end - low));
#endif
  Stack* s = ::new (static_cast<void*>(end - sizeof(Stack) - colour(slot))) Stack;
  s->slab = &slab;
  s->low = low;
  s->guarded = slot < slab.guards;
  s->pooled_class = index == default_class_;
  if (!s->guarded) std::memcpy(low, &kCanary, sizeof kCanary);
  s->describe(low, s->size());
  s->saved = state_at_entry(s->high(), s->size(), entry_);
  return s;
}

void StackPool::trim() noexcept {
  for (std::size_t i = 0; i < kClasses; ++i) {
    std::lock_guard lock(lock_);
    if (trim_class(classes_[i], stack_bytes(i)) != 0) {
      trims_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

// Warm memory is counted at one page a stack, which is what most fibers touch.
std::size_t StackPool::trim_class(SizeClass& c, std::size_t stack_size) noexcept {
  const std::size_t keep = kKeepWarm / std::min<std::size_t>(stack_size, 4096);
  if (c.warm_count <= keep) return 0;
  for (StackSlab* s = c.slabs; s != nullptr; s = s->next) s->free_seen = 0;
  for (Stack* s = c.warm; s != nullptr; s = s->next) ++s->slab->free_seen;

  std::size_t excess = c.warm_count - keep;
  std::size_t trimmed = 0;
  for (StackSlab* s = c.slabs; s != nullptr; s = s->next) {
    const bool whole = s->carved != 0 && s->free_seen == s->carved && s->carved <= excess;
    if (!whole) {
      s->free_seen = 0;  // from here on: "do not drop its stacks"
      continue;
    }
    excess -= s->carved;
    ++trimmed;
  }
  if (trimmed == 0) return 0;

  Stack* kept = nullptr;
  Stack** tail = &kept;
  c.warm_count = 0;
  for (Stack* s = c.warm; s != nullptr;) {
    Stack* const next = s->next;
    if (s->slab->free_seen != 0) {
      s->forget();
    } else {
      *tail = s;
      tail = &s->next;
      ++c.warm_count;
    }
    s = next;
  }
  *tail = nullptr;
  c.warm = kept;
  for (StackSlab* s = c.slabs; s != nullptr; s = s->next) {
    if (s->free_seen == 0) continue;
    s->carved = 0;  // guards survive MADV_DONTNEED; stacks are built anew
    ::madvise(s->memory, s->bytes, MADV_DONTNEED);
  }
  return trimmed;
}

}  // namespace umcg::inline v0::internal
