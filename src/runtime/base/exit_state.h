// SPDX-License-Identifier: Apache-2.0
// exit_state.h - whether exit() has begun: what is destroyed from then on may still be in use.
#ifndef UMCG_RUNTIME_BASE_EXIT_STATE_H_
#define UMCG_RUNTIME_BASE_EXIT_STATE_H_

namespace umcg::inline v0::internal {

// Exit handlers run in the reverse order of their registration: of destructors, only those are told
// that were registered before this call.
void watch_for_exit() noexcept;
bool is_exiting() noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_BASE_EXIT_STATE_H_
