// SPDX-License-Identifier: Apache-2.0
// observer.h - Observer: what the monitor notes for people as it goes round: since when each worker
// runs its fiber, when fibers were born, and fibers that compute for too long.
//
// All of it is sampled, at most each kPeriod, so that nothing is paid where fibers start or switch.
// While nothing is queued the monitor sleeps, and so do these notes; then nothing begins either,
// and the last look comes when whatever begins would wake the monitor.
#ifndef UMCG_RUNTIME_DEBUG_OBSERVER_H_
#define UMCG_RUNTIME_DEBUG_OBSERVER_H_

#include <cstdint>
#include <memory>

#include "runtime/debug/birth_log.h"

namespace umcg::inline v0::internal {

class FiberReport;
class RuntimeCore;
struct FiberCore;
struct Server;
struct Worker;

class Observer {
 public:
  static constexpr std::int64_t kPeriod = 10'000'000;

  explicit Observer(RuntimeCore& rt);
  ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  // The monitor, each round.
  void look(std::int64_t now);
  // The same, however short the time since the last one: before it sleeps.
  void look_now(std::int64_t now);
  // Whether it must go on looking though nothing is queued: a fiber that nobody waits for may be a
  // hog all the same.
  bool must_watch() const noexcept;

  const BirthLog& births() const noexcept { return births_; }

 private:
  struct Ids {
    std::uint64_t next = 0;
    std::uint64_t end_of_block = 0;
  };
  void note_births(std::int64_t now);
  void note_turns(std::int64_t now);
  void note_turn(Worker& w, std::int64_t now);
  void report_hog(Worker& w, std::int64_t now);

  RuntimeCore& rt_;
  const std::int64_t threshold_;  // of hogs; 0: none are reported
  std::int64_t last_look_ = 0;
  std::uint64_t looks_ = 0;
  std::unique_ptr<Ids[]> ids_;
  std::uint64_t counter_ = 0;
  std::int64_t last_report_ = 0;
  unsigned not_reported_ = 0;
  std::unique_ptr<FiberReport> report_;
  BirthLog births_;
};

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_DEBUG_OBSERVER_H_
