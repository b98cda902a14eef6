// SPDX-License-Identifier: Apache-2.0
// peer_watch.cc - see peer_watch.h.
//
// Who holds a place. The process that takes it locks one byte of the memfd (fcntl). The kernel
// drops the lock when the process ends, however it ends, and tells everybody else which process has
// it, in his own PID namespace. So nobody can claim to be another process, and no number that a
// peer has written is believed.
//
// When he dies. At first contact the holder's pid becomes a pidfd; if the lock has the same holder
// after that, the pidfd is his and not that of a later process with his number. One thread of the
// process sleeps on all pidfds. It notes the end, ends the word's generation for all others, and
// nudges the task that wanted to know. A holder that cannot have a pidfd here (he lives in a PID
// namespace that is not ours, or the kernel has none) is asked for by his lock, ten times a second.
//
// A holder that leaves and lives on tells it by his word (umcg_shared_leave).
//
// fork. All that is written here lies in memory that a child sees as zeros, which is the state of a
// process that has no group yet. The pidfds that it inherits do no harm.
//
// Rejected: the pid in the shared memory (a peer may write another's, or die before it is looked
// at, and the number be given away); a robust mutex in it (glibc follows pointers that a peer may
// have written); the list of robust futexes of a thread (belongs to the C library); a timeout on
// every wait (an idle process would never sleep).
#include "kernel_shim/shared/peer_watch.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <new>

#include "kernel_shim/shared/system_calls.h"

namespace umcg::inline v0::internal::shim {
namespace {

constexpr int kLookMs = 100;

// All zeros is its initial state.
struct Watch {
  pthread_mutex_t mutex;
  umcg_shared_task* tasks;  // of this process
  Peer* peers;              // whose end is not noted yet
  bool runs;                // the thread, for the rest of the process
  int epoll;
  int kick;
};

// Written once by the first thread that needs it; a child keeps the address and sees zeros there.
constinit std::atomic<Watch*> g_watch{nullptr};

Watch* watch() noexcept {
  Watch* present = g_watch.load(std::memory_order_acquire);
  if (present != nullptr) return present;
  void* memory;
  if (map_wiped_on_fork(sizeof(Watch), &memory) != 0) return nullptr;
  auto* mine = new (memory) Watch{};
  if (g_watch.compare_exchange_strong(present, mine, std::memory_order_acq_rel)) return mine;
  unmap(memory, sizeof(Watch));
  return present;
}

class Locked {
 public:
  explicit Locked(Watch& of) : watch_(of) { pthread_mutex_lock(&watch_.mutex); }
  ~Locked() { pthread_mutex_unlock(&watch_.mutex); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Watch& watch_;
};

bool is_here(const Watch& w, const umcg_shared_task& task, std::uint32_t place) noexcept {
  for (const umcg_shared_task* t = w.tasks; t != nullptr; t = t->next) {
    if (t->device == task.device && t->inode == task.inode && t->place == place) return true;
  }
  return false;
}

bool process_has_ended(const Peer& peer) noexcept {
  if (peer.here) return false;
  if (peer.pidfd < 0) return holder_of_byte(peer.owner->fd, peer.place) == -ESRCH;
  pollfd fd = {.fd = peer.pidfd, .events = POLLIN, .revents = 0};
  return poll(&fd, 1, 0) == 1;
}

void forget(Watch& w, Peer& peer) noexcept {
  Peer** link = &w.peers;
  while (*link != nullptr && *link != &peer) link = &(*link)->next;
  if (*link == nullptr) return;
  *link = peer.next;
  if (peer.pidfd < 0) return;
  // A forked child may have a copy, on account of which closing alone would change nothing.
  (void)epoll_ctl(w.epoll, EPOLL_CTL_DEL, peer.pidfd, nullptr);
  close_fd(peer.pidfd);
}

// For those who have not met it: a wake-up of that generation is refused from here on.
void end_generation(Word& word, std::uint32_t generation) noexcept {
  std::uint64_t now = word.load(std::memory_order_relaxed);
  while (generation_of(now) == generation &&
         !word.compare_exchange_weak(now, make_word(generation + 1, UMCG_TASK_NONE),
                                     std::memory_order_release, std::memory_order_relaxed)) {
  }
}

// Returns whether somebody is left who has to be asked for.
bool note_ends(Watch& w) noexcept {
  bool ask = false;
  for (Peer* peer = w.peers; peer != nullptr;) {
    Peer* const next = peer->next;
    if (process_has_ended(*peer)) {
      umcg_shared_task& owner = *peer->owner;
      const std::uint32_t generation = generation_of(peer->known.load(std::memory_order_relaxed));
      forget(w, *peer);
      // release: pairs with the acquire in has_ended(). The fence is in nudge().
      peer->known.store(make_word(generation, 1), std::memory_order_release);
      end_generation(owner.word_at(peer->place), generation);
      nudge(owner.word_at(owner.place), owner.generation, ByShared{owner});
    } else if (!peer->here && peer->pidfd < 0) {
      ask = true;
    }
    peer = next;
  }
  return ask;
}

void* run(void* argument) {
  Watch& w = *static_cast<Watch*>(argument);
  for (bool ask = false;;) {
    epoll_event event;
    (void)epoll_wait(w.epoll, &event, 1, ask ? kLookMs : -1);
    Locked lock(w);
    ask = note_ends(w);
  }
  return nullptr;
}

// Under the lock. False: no descriptors, no thread.
bool start(Watch& w) noexcept {
  if (w.runs) return true;
  w.epoll = epoll_create1(EPOLL_CLOEXEC);
  w.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {}};
  pthread_t thread;
  if (w.epoll >= 0 && w.kick >= 0 && epoll_ctl(w.epoll, EPOLL_CTL_ADD, w.kick, &event) == 0) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    w.runs = pthread_create(&thread, nullptr, &run, &w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  if (w.runs) {
    pthread_detach(thread);
    return true;
  }
  if (w.epoll >= 0) close_fd(w.epoll);
  if (w.kick >= 0) close_fd(w.kick);
  return false;
}

// Who holds the place: sets pidfd and here. -ESRCH: nobody.
int identify_peer(Watch& w, const umcg_shared_task& task, Peer& peer) noexcept {
  peer.pidfd = -1;
  peer.here = is_here(w, task, peer.place);
  if (peer.here) return 0;
  for (;;) {
    const pid_t holder = holder_of_byte(task.fd, peer.place);
    if (holder <= 0) return holder;  // 0: no number for it here; it is asked for by its lock
    const int pidfd = open_pidfd(holder);
    if (holder_of_byte(task.fd, peer.place) == holder) {
      peer.pidfd = pidfd < 0 ? -1 : pidfd;
      return 0;
    }
    if (pidfd >= 0) close_fd(pidfd);
  }
}

}  // namespace

int take_place(umcg_shared_task& task, std::uint32_t place) noexcept {
  Watch* const w = watch();
  if (w == nullptr) return -ENOMEM;
  Locked lock(*w);
  if (is_here(*w, task, place)) return -EBUSY;
  const int result = lock_byte(task.fd, place);
  if (result != 0) return result == -EAGAIN ? -EBUSY : result;
  task.place = place;
  task.next = w->tasks;
  w->tasks = &task;
  return 0;
}

void give_place_back(umcg_shared_task& task) noexcept {
  Watch& w = *watch();
  Locked lock(w);
  for (std::uint32_t i = 0; i < task.tasks; ++i) forget(w, task.peers[i]);
  umcg_shared_task** link = &w.tasks;
  while (*link != &task) link = &(*link)->next;
  *link = task.next;
  unlock_byte(task.fd, task.place);
}

int watch_peer(umcg_shared_task& task, umcg_shared_id id) noexcept {
  Peer& peer = task.peers[place_of(id)];
  const std::uint64_t alive = make_word(generation_of(id), 0);
  if (peer.known.load(std::memory_order_acquire) != alive) {
    Watch& w = *watch();
    Locked lock(w);
    if (peer.known.load(std::memory_order_relaxed) != alive) {
      if (has_ended(task, id)) return -ESRCH;
      forget(w, peer);
      peer.owner = &task;
      peer.place = place_of(id);
      peer.known.store(0, std::memory_order_relaxed);
      const int result = identify_peer(w, task, peer);
      if (result == 0 && !peer.here && !start(w)) {
        if (peer.pidfd >= 0) close_fd(peer.pidfd);
        return -ENOMEM;
      }
      if (result != 0) {
        if (result == -ESRCH) end_generation(task.word_at(peer.place), generation_of(id));
        return result;
      }
      peer.next = w.peers;
      w.peers = &peer;
      epoll_event event = {.events = EPOLLIN, .data = {}};
      if (peer.pidfd >= 0 && epoll_ctl(w.epoll, EPOLL_CTL_ADD, peer.pidfd, &event) != 0) {
        close_fd(peer.pidfd);
        peer.pidfd = -1;
      }
      peer.known.store(alive, std::memory_order_release);
      const std::uint64_t one = 1;
      if (peer.pidfd < 0 && !peer.here) (void)!write(w.kick, &one, sizeof one);
    }
  }
  return has_ended(task, id) ? -ESRCH : 0;
}

}  // namespace umcg::inline v0::internal::shim
