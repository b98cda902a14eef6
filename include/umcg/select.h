// SPDX-License-Identifier: Apache-2.0
// select.h - select(): waits for several things at once and does exactly one of them.
//
//     std::optional<Job> job;
//     switch (umcg::select({jobs.on_recv(job), quit.on_set(), umcg::on_deadline(50ms)})) {
//       case 0: if (job) run(*job); break;      // without one: the channel is closed
//       case 1: return;
//       case 2: flush(); break;
//     }
//
// Cases are made by on_recv() and on_send() of Channel, Event::on_set(), Fiber::on_done(),
// Future::on_ready(), Semaphore::on_acquire(), on_stop(), on_deadline(). Those that are not chosen
// leave no trace: no value is taken, no permit, nothing is moved from.
//
// Fairness: among cases that are ready each is as likely as the others, whatever their order. A
// waiting select stands in the queue of each object in the order of arrival; in rare cases it goes
// to the end of all of them (docs/channels.md). Up to eight cases need no memory; more take it from
// operator new. The objects must live until select() has returned; that of the chosen case only as
// long as the operation by itself demands. Memory order: as the chosen operation by itself.
#ifndef UMCG_SELECT_H_
#define UMCG_SELECT_H_

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <stop_token>

#include "umcg/internal/config.h"
#include "umcg/internal/select_case.h"
#include "umcg/wait.h"

namespace umcg::inline v0 {

// Any fiber or thread. May suspend, may migrate. Waits until a case can be done, does it, and
// returns its index. Throws what moving a value throws, in which case nothing has been done, and
// std::bad_alloc for more than eight cases. Without a case it aborts.
UMCG_API std::size_t select(std::span<const SelectCase> cases);
inline std::size_t select(std::initializer_list<SelectCase> cases) {
  return select(std::span(cases.begin(), cases.size()));
}

// The same without waiting: no value if no case can be done now. Never suspends.
UMCG_API std::optional<std::size_t> try_select(std::span<const SelectCase> cases);
inline std::optional<std::size_t> try_select(std::initializer_list<SelectCase> cases) {
  return try_select(std::span(cases.begin(), cases.size()));
}

// Chosen when a stop has been requested.
UMCG_API SelectCase on_stop(std::stop_token stop) noexcept;
// Chosen when the deadline has passed.
UMCG_API SelectCase on_deadline(Deadline deadline) noexcept;

}  // namespace umcg::inline v0

#endif  // UMCG_SELECT_H_
