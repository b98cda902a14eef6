// SPDX-License-Identifier: Apache-2.0
// shared_group.cc - umcg/shared_group.h: the protocol of wait_wake.h on words that other processes
// may write.
//
// What a hostile peer can do to a word, and what follows:
//
//   of a sleeper, anything       the kernel's comparison or the sleeper's next look sees a word
//   that
//                                is not "asleep": the wait returns 0, as after a wake-up
//   of a running task, garbage   the next wait finds a word that no protocol has written, writes
//                                RUNNING anew and returns 0
//   "asleep", of a running task  wakers do a FUTEX_WAKE for nothing; the next wait as above
//   "running", of a sleeper      without a FUTEX_WAKE: it sleeps on, until its deadline or its
//   peer's
//                                end. The peer could as well not have answered
//                                (a task's wake-up of itself always does the FUTEX_WAKE)
//   the generation               wakers and watchers take the task for ended
//   changes it all the time      an exchange may fail again and again, each time at the price of a
//                                write that hit between two instructions
//
// No word is an index, a length, a pointer or the number of a process.
#include "umcg/shared_group.h"

#include <cerrno>
#include <cstring>
#include <new>

#include "kernel_shim/shared/peer_watch.h"
#include "kernel_shim/shared/shared_task.h"
#include "kernel_shim/shared/system_calls.h"
#include "kernel_shim/timespec.h"

namespace shim = umcg::internal::shim;

namespace {

constexpr std::size_t kTaskBytes = shim::round_to_pages(sizeof(umcg_shared_task));
constexpr std::size_t kMaxDataBytes = std::size_t{1} << 40;

bool lives(const umcg_shared_task* self) { return self != nullptr && self->lives; }

bool is_valid(const umcg_shared_task& self, umcg_shared_id id) {
  return shim::generation_of(id) != 0 && shim::place_of(id) < self.tasks;
}

// Maps the group and copies what its header says, if that can be true.
int map_group(int fd, umcg_shared_task& task) {
  int result = shim::size_of_memory(fd, &task.bytes);
  if (result != 0) return result;
  if (task.bytes < shim::data_offset(1)) return -EINVAL;
  void* memory;
  result = shim::map_memory(fd, task.bytes, &memory);
  if (result != 0) return result;
  task.memory = static_cast<std::byte*>(memory);
  shim::GroupHeader header;
  std::memcpy(&header, memory, sizeof header);
  if (header.magic == shim::GroupHeader::kMagic && header.version == shim::GroupHeader::kVersion &&
      header.tasks != 0 && header.tasks <= UMCG_SHARED_MAX_TASKS &&
      header.data_bytes <= kMaxDataBytes &&
      shim::data_offset(header.tasks) + header.data_bytes <= task.bytes) {
    task.tasks = header.tasks;
    task.data_bytes = header.data_bytes;
    task.fd = fd;
    return shim::identify(fd, &task.device, &task.inode);
  }
  shim::unmap(memory, task.bytes);
  return -EINVAL;
}

int take_some_place(umcg_shared_task& task, std::uint32_t place) {
  if (place != UMCG_SHARED_ANY_PLACE) {
    return place < task.tasks ? shim::take_place(task, place) : -EINVAL;
  }
  int result = -EBUSY;
  for (place = 0; place < task.tasks && result == -EBUSY; ++place) {
    result = shim::take_place(task, place);
  }
  return result;
}

// Who waits for the holder of a place looks at that place again.
void nudge_all(umcg_shared_task& self) {
  for (std::uint32_t i = 0; i < self.tasks; ++i) {
    shim::Word& word = self.word_at(i);
    shim::nudge(word, shim::generation_of(word.load()), shim::ByShared{self});
  }
}

// A word that no protocol has written is written anew, and counts as a wake-up.
int repaired(umcg_shared_task& self, int result) {
  if (result != -EINVAL) return result;
  self.word_at(self.place).store(shim::make_word(self.generation, UMCG_TASK_RUNNING));
  return 0;
}

// Whatever a peer has made of the word: what a process tells itself must come through.
int wake_self(umcg_shared_task& self) {
  shim::Word& word = self.word_at(self.place);
  bool asleep;
  const int result = shim::deliver(word, self.generation, word.load(), &asleep);
  if (result == -ESRCH) word.store(shim::make_word(self.generation, shim::kQueued));
  shim::ByShared{self}.wake(shim::state_half(word));
  return result == -EAGAIN ? result : 0;
}

}  // namespace

int umcg_shared_create(uint32_t flags, uint32_t tasks, size_t data_bytes, int* fd) {
  if (flags != 0 || tasks == 0 || tasks > UMCG_SHARED_MAX_TASKS || data_bytes > kMaxDataBytes ||
      fd == nullptr) {
    return -EINVAL;
  }
  const std::size_t bytes = shim::data_offset(tasks) + shim::round_to_pages(data_bytes);
  const int made = shim::make_memory(bytes);
  if (made < 0) return made;
  void* memory;
  const int result = shim::map_memory(made, shim::kPage, &memory);
  if (result != 0) {
    shim::close_fd(made);
    return result;
  }
  new (memory) shim::GroupHeader{.magic = shim::GroupHeader::kMagic,
                                 .version = shim::GroupHeader::kVersion,
                                 .tasks = tasks,
                                 .reserved = 0,
                                 .data_bytes = data_bytes};
  shim::unmap(memory, shim::kPage);
  *fd = made;
  return 0;
}

int umcg_shared_join(int fd, uint32_t flags, uint32_t place, umcg_shared_task** self) {
  if (flags != 0 || self == nullptr) return -EINVAL;
  void* memory;
  int result = shim::map_wiped_on_fork(kTaskBytes, &memory);
  if (result != 0) return result;
  auto* const task = new (memory) umcg_shared_task{};
  result = map_group(fd, *task);
  if (result == 0) {
    result = take_some_place(*task, place);
    if (result == 0) {
      shim::Word& word = task->word_at(task->place);
      const std::uint32_t next = shim::generation_of(word.load()) + 1;
      task->generation = next == 0 ? 1 : next;
      word.store(shim::make_word(task->generation, UMCG_TASK_RUNNING));
      task->lives = true;
      // One that waits for the last holder may watch us in its place: its death went unseen, or it
      // was over before the watch began.
      nudge_all(*task);
      *self = task;
      return 0;
    }
    shim::unmap(task->memory, task->bytes);
  }
  shim::unmap(memory, kTaskBytes);
  return result;
}

int umcg_shared_leave(umcg_shared_task* self, uint32_t flags) {
  if (flags != 0 || !lives(self)) return -EINVAL;
  // The peers' looks see this before, or their nudges come after.
  self->word_at(self->place).store(shim::make_word(self->generation + 1, UMCG_TASK_NONE));
  nudge_all(*self);
  shim::give_place_back(*self);
  shim::unmap(self->memory, self->bytes);
  shim::unmap(self, kTaskBytes);
  return 0;
}

int umcg_shared_data(umcg_shared_task* self, void** data, size_t* bytes) {
  if (!lives(self) || data == nullptr || bytes == nullptr) return -EINVAL;
  *data = self->memory + shim::data_offset(self->tasks);
  *bytes = self->data_bytes;
  return 0;
}

int umcg_shared_self(umcg_shared_task* self, umcg_shared_id* id) {
  if (!lives(self) || id == nullptr) return -EINVAL;
  *id = shim::make_id(self->generation, self->place);
  return 0;
}

int umcg_shared_find(umcg_shared_task* self, uint32_t place, umcg_shared_id* id) {
  if (!lives(self) || id == nullptr || place >= self->tasks) return -EINVAL;
  const std::uint64_t word = self->word_at(place).load(std::memory_order_acquire);
  const std::uint32_t generation = shim::generation_of(word);
  if (generation == 0 || shim::state_of(word) == UMCG_TASK_NONE) return -ESRCH;
  *id = shim::make_id(generation, place);
  return 0;
}

int umcg_shared_wait(umcg_shared_task* self, uint32_t flags, umcg_shared_id peer,
                     const struct timespec* abs_timeout) {
  std::int64_t deadline_ns;
  if (flags != 0 || !lives(self) || (peer != 0 && !is_valid(*self, peer)) ||
      !shim::to_deadline(abs_timeout, &deadline_ns)) {
    return -EINVAL;
  }
  if (peer != 0) {
    // One that has ended already is told by look(), after a wake-up that may be queued.
    const int result = shim::watch_peer(*self, peer);
    if (result != 0 && result != -ESRCH) return result;
  }
  shim::note_cpu(self->place_at(self->place).cpu);
  const shim::ByShared how{*self, peer, deadline_ns};
  return repaired(*self, shim::wait_word(self->word_at(self->place), self->generation, how));
}

int umcg_shared_wake(umcg_shared_task* self, uint32_t flags, umcg_shared_id next) {
  if (flags != 0 || !lives(self) || !is_valid(*self, next)) return -EINVAL;
  if (next == shim::make_id(self->generation, self->place)) return wake_self(*self);
  // It wakes without a watch too, for which there may be no descriptor or thread just now.
  if (shim::watch_peer(*self, next) == -ESRCH) return -ESRCH;
  shim::Word& word = self->word_at(shim::place_of(next));
  return shim::wake_word(word, shim::generation_of(next), word.load(std::memory_order_acquire),
                         shim::ByShared{*self});
}

int umcg_shared_swap(umcg_shared_task* self, uint32_t wake_flags, umcg_shared_id next,
                     uint32_t wait_flags, const struct timespec* abs_timeout) {
  std::int64_t deadline_ns;
  if (wake_flags != 0 || wait_flags != 0 || !lives(self) || !is_valid(*self, next) ||
      shim::place_of(next) == self->place || !shim::to_deadline(abs_timeout, &deadline_ns)) {
    return -EINVAL;
  }
  const int result = shim::watch_peer(*self, next);
  if (result != 0) return result;
  shim::note_cpu(self->place_at(self->place).cpu);
  shim::Word& word = self->word_at(shim::place_of(next));
  return repaired(*self,
                  shim::swap_words(self->word_at(self->place), self->generation, word,
                                   shim::generation_of(next), word.load(std::memory_order_acquire),
                                   shim::ByShared{*self, next, deadline_ns}));
}
