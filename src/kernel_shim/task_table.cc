// SPDX-License-Identifier: Apache-2.0
// task_table.cc - a table of tasks that grows and never shrinks.
//
// wake() must be able to look at the word of a task that may be gone, without a lock or a count of
// references. So memory that was once a task is one for ever: chunks, each twice the size of the
// one before, are mapped when needed and never unmapped, and a free slot differs from a taken one
// by its word alone. Each release moves the slot's generation on, and every compare-and-swap on
// the word includes it: a stale tid fits nobody.
//
// fork. The mappings are MADV_WIPEONFORK: a child sees zeros, which read as "no task, nothing free,
// no slot ever used", whatever the threads that it does not have were doing. Nothing here is a
// lock, so none can be left locked. What the child keeps (ordinary memory) is where the chunks are
// and the highest generation given out; its own generations begin above, so that no tid of the
// parent ever names a task of the child.
//
// Rejected: one large reservation (mlockall(MCL_FUTURE) and RLIMIT_AS would count all of it); a
// mutex and pthread_atfork (a child of a raw clone() would not run the handler).
#include "kernel_shim/task_table.h"

#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <cstddef>

#include "kernel_shim/backend.h"

namespace umcg::inline v0::internal::shim {
namespace {

constexpr std::uint32_t kFirstChunk = 64;  // tasks: one page
constexpr int kChunks = 17;                // 8 million tasks; the kernel allows 4 million threads
constexpr std::uint32_t kMaxTasks = kFirstChunk * ((1u << kChunks) - 1);

// The part of the table that a child must not inherit; all zeros is its empty state.
struct Roots {
  // {count of changes:32, index + 1 of the first free task:32}. The count is there for the case
  // that the first task is taken and given back between a reader's look and its exchange.
  std::atomic<std::uint64_t> free_head;
  // How many slots were ever used. Written by acquire_task().
  std::atomic<std::uint32_t> used;
  // The generation with which a slot begins. Written once by the first acquire_task().
  std::atomic<std::uint32_t> first_generation;
};

// Written once each by the thread that maps them, kept by a child.
constinit std::atomic<Roots*> g_roots{nullptr};
constinit std::atomic<Task*> g_chunks[kChunks] = {};
// Written by acquire_task(), read in a child.
constinit std::atomic<std::uint32_t> g_max_generation{0};

// Maps bytes of zeros and publishes them in `where`, unless another thread was faster.
template <class T>
T* get_or_map(std::atomic<T*>& where, std::size_t bytes) {
  // acquire: pairs with the release below; the mapping's zeros come from the kernel.
  T* present = where.load(std::memory_order_acquire);
  if (present != nullptr) return present;
  const int saved_errno = errno;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED && madvise(memory, bytes, MADV_WIPEONFORK) == 0) {
    T* mine = static_cast<T*>(memory);
    if (where.compare_exchange_strong(present, mine, std::memory_order_acq_rel)) {
      present = mine;
      memory = MAP_FAILED;
    }
  }
  if (memory != MAP_FAILED) munmap(memory, bytes);
  errno = saved_errno;
  return present;
}

int chunk_of(std::uint32_t index) { return std::bit_width(index / kFirstChunk + 1) - 1; }
std::uint32_t chunk_begin(int chunk) { return kFirstChunk * ((1u << chunk) - 1); }
std::size_t chunk_bytes(int chunk) { return (std::size_t{kFirstChunk} << chunk) * sizeof(Task); }

Task& slot(std::uint32_t index) {
  const int chunk = chunk_of(index);
  // acquire: pairs with the release in get_or_map().
  return g_chunks[chunk].load(std::memory_order_acquire)[index - chunk_begin(chunk)];
}

Task* pop_free(Roots& roots) {
  // acquire, here and below: pairs with push_free()'s release, for next_free and the word.
  std::uint64_t head = roots.free_head.load(std::memory_order_acquire);
  while (state_of(head) != 0) {
    Task& first = slot(state_of(head) - 1);
    // relaxed: if the task has been taken meanwhile the value is wrong, and the exchange fails.
    const std::uint32_t next = first.next_free.load(std::memory_order_relaxed);
    if (roots.free_head.compare_exchange_weak(head, make_word(generation_of(head) + 1, next),
                                              std::memory_order_acquire)) {
      return &first;
    }
  }
  return nullptr;
}

void push_free(Roots& roots, Task& task) {
  const std::uint32_t link = task.index.load(std::memory_order_relaxed) + 1;
  std::uint64_t head = roots.free_head.load(std::memory_order_relaxed);
  do {
    task.next_free.store(state_of(head), std::memory_order_relaxed);
    // release: pairs with pop_free()'s acquire.
  } while (!roots.free_head.compare_exchange_weak(head, make_word(generation_of(head) + 1, link),
                                                  std::memory_order_release,
                                                  std::memory_order_relaxed));
}

// A slot that nobody has had in this process. The chunk is there before the index is taken: a
// failure loses nothing.
Task* use_fresh(Roots& roots) {
  std::uint32_t index = roots.used.load(std::memory_order_relaxed);
  do {
    if (index == kMaxTasks) return nullptr;
    const int chunk = chunk_of(index);
    if (get_or_map(g_chunks[chunk], chunk_bytes(chunk)) == nullptr) return nullptr;
    // relaxed: the index is all that is handed over; the chunk has its own release and acquire.
  } while (!roots.used.compare_exchange_weak(index, index + 1, std::memory_order_relaxed));

  std::uint32_t generation = 0;
  const std::uint32_t above = g_max_generation.load(std::memory_order_relaxed) + 1;
  if (roots.first_generation.compare_exchange_strong(generation, above,
                                                     std::memory_order_relaxed)) {
    generation = above;
  }
  Task& task = slot(index);
  task.index.store(index, std::memory_order_relaxed);
  task.word.store(make_word(generation, UMCG_TASK_NONE), std::memory_order_relaxed);
  return &task;
}

}  // namespace

Task* acquire_task() noexcept {
  choose_backend();
  Roots* roots = get_or_map(g_roots, sizeof(Roots));
  if (roots == nullptr) return nullptr;
  Task* task = pop_free(*roots);
  if (task == nullptr) task = use_fresh(*roots);
  if (task == nullptr) return nullptr;

  const std::uint32_t generation = generation_of(task->word.load(std::memory_order_relaxed));
  std::uint32_t max = g_max_generation.load(std::memory_order_relaxed);
  while (max < generation &&
         !g_max_generation.compare_exchange_weak(max, generation, std::memory_order_relaxed)) {
  }
  // release: pairs with the acquire in wake() and get_state() of one who guesses the tid; one who
  // is given it has a happens-before of his own.
  task->word.store(make_word(generation, UMCG_TASK_RUNNING), std::memory_order_release);
  return task;
}

void release_task(Task* task) noexcept {
  const std::uint64_t word = task->word.load(std::memory_order_relaxed);
  // A forked child cannot give back what it does not have.
  if (state_of(word) == UMCG_TASK_NONE) return;
  const std::uint32_t next = generation_of(word) + 1;
  // release: pairs with the acquire of one who gets -ESRCH for the tid: what the task did before
  // its end has happened.
  task->word.store(make_word(next, UMCG_TASK_NONE), std::memory_order_release);
  // Once the generations have wrapped around a stale tid would fit again: the slot is retired.
  if (next != 0) push_free(*g_roots.load(std::memory_order_acquire), *task);
}

umcg_tid tid_of(const Task& task) noexcept {
  const std::uint64_t word = task.word.load(std::memory_order_relaxed);
  return make_word(generation_of(word), task.index.load(std::memory_order_relaxed) + 1);
}

Task* find_slot(umcg_tid tid) noexcept {
  const std::uint32_t index = state_of(tid) - 1;
  if (index >= kMaxTasks) return nullptr;
  const int chunk = chunk_of(index);
  // acquire: pairs with the release in get_or_map().
  Task* tasks = g_chunks[chunk].load(std::memory_order_acquire);
  return tasks == nullptr ? nullptr : &tasks[index - chunk_begin(chunk)];
}

}  // namespace umcg::inline v0::internal::shim
