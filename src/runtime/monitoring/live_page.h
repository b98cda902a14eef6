// SPDX-License-Identifier: Apache-2.0
// live_page.h - LivePage: memory of a runtime that other processes of the same user may look at
// while it runs, or hangs (tools/umcg-top, docs/monitoring.md).
//
// It is not a copy: the servers themselves live here, with their queues and counters, so that to be
// looked at costs the runtime nothing and nobody has to answer. Only what is said of workers is a
// copy, made by the monitor some ten times a second while the runtime is at work, and once more
// before the monitor sleeps: which fiber is on which thread would else have to be found through
// pointers, and names may be freed while they are read.
//
// The memory is a memfd, mode 0600, sealed against any new writer; it is found by its name among
// the descriptors of the process. It begins with a text, in JSON, that says where everything is and
// what it is called: a reader needs no knowledge of our structs and may be of another version. A
// forked child shares it, but must not use the runtime; and what a child does write into (servers'
// words, workers, descriptors) is not here. Without memfd (an old kernel, no descriptor left, a
// limit on the size of files) it is ordinary memory, and there is nothing to look at.
//
// Rejected: a file in /dev/shm (it is left behind by a crash, and a container may have none); a
// copy of the counters by the monitor (a hung monitor would hide that it hangs).
#ifndef UMCG_RUNTIME_MONITORING_LIVE_PAGE_H_
#define UMCG_RUNTIME_MONITORING_LIVE_PAGE_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "runtime/base/recorder.h"
#include "runtime/scheduler/counters.h"
#include "runtime/scheduler/server.h"

namespace umcg::inline v0::internal {

class RuntimeCore;

// What a worker is at, as the monitor has seen it.
struct alignas(64) LiveWorker {
  static constexpr std::size_t kNameWords = 3;

  std::atomic<std::uint64_t> tid{0};     // 0: it has not begun
  std::atomic<std::uint64_t> fiber{0};   // 0: none
  std::atomic<std::uint64_t> server{0};  // that it holds, counted from 1; 0: none
  std::atomic<std::uint64_t> since{0};   // ns: seen to be so, without a switch in between
  std::atomic<std::uint64_t> name[kNameWords] = {};  // of the fiber, cut, padded with zeros
  // The monitor's.
  std::uint64_t turn = 0;   // the server's tick then
  std::uint64_t holds = 0;  // as `server`, of this look
};

// What all servers share, and the reader needs.
struct LiveShared {
  Counters counters;
  Recorder handoff_latency;
  std::atomic<std::uint64_t> queued{0};        // in the shared queue; a copy too
  std::atomic<std::uint64_t> workers{0};       // records that are in use
  std::atomic<std::uint64_t> published_at{0};  // ns of CLOCK_MONOTONIC: the last copy
};

class LivePage {
 public:
  // Throws std::bad_alloc.
  LivePage(std::size_t servers, std::size_t most_workers);
  ~LivePage();
  LivePage(const LivePage&) = delete;
  LivePage& operator=(const LivePage&) = delete;

  std::span<Server> servers() const noexcept { return servers_; }
  LiveShared& shared() const noexcept { return *shared_; }

  // When the runtime is complete: writes the text, after which readers find something.
  void describe(const RuntimeCore& rt);
  // The monitor, now and then.
  void publish(RuntimeCore& rt, std::int64_t now) noexcept;

 private:
  static constexpr std::size_t kTextSize = 32768;

  bool map_shared(std::size_t size) noexcept;
  void map_private(std::size_t size);
  void publish_worker(RuntimeCore& rt, std::uint32_t index, std::int64_t now) noexcept;

  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  int fd_ = -1;
  ino_t inode_ = 0;  // of fd_: users close descriptors that are not theirs
  std::span<Server> servers_;
  LiveShared* shared_ = nullptr;
  std::span<LiveWorker> workers_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_MONITORING_LIVE_PAGE_H_
