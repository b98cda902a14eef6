// SPDX-License-Identifier: Apache-2.0
#include "runtime/fiber/fiber_slab.h"

#include <sys/mman.h>

#include <mutex>
#include <new>

#include "runtime/base/sanitizers.h"

namespace umcg::inline v0::internal {

FiberSlab::~FiberSlab() {
  while (Slab* const slab = slabs_.load(std::memory_order_relaxed)) {
    slabs_.store(slab->next, std::memory_order_relaxed);
    slab->~Slab();
#if UMCG_ASAN
    __lsan_unregister_root_region(slab, sizeof(Slab));
#endif
    ::munmap(slab, sizeof(Slab));
  }
}

bool FiberSlab::add_slab() noexcept {
  void* memory =
      ::mmap(nullptr, sizeof(Slab), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  Slab* const slab = ::new (memory) Slab;
#if UMCG_ASAN
  __lsan_register_root_region(slab,
                              sizeof(Slab));  // what only a descriptor refers to is not leaked
#endif
  FiberChain fresh;
  for (FiberCore& f : slab->fibers) fresh.push_back(&f);
  std::lock_guard lock(lock_);
  slab->next = slabs_.load(std::memory_order_relaxed);
  slabs_.store(slab, std::memory_order_release);
  free_.append(fresh);
  return true;
}

FiberChain FiberSlab::allocate(std::size_t want) noexcept {
  FiberChain taken;
  do {
    std::lock_guard lock(lock_);
    taken = free_.take(want);
  } while (taken.empty() && add_slab());
  return taken;
}

void FiberSlab::release(FiberChain chain) noexcept {
  std::lock_guard lock(lock_);
  chain.append(free_);
  free_ = chain;
}

}  // namespace umcg::inline v0::internal
