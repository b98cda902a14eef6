// SPDX-License-Identifier: Apache-2.0
// peer_watch.h - who holds a place of a group, and whether he still lives.
#ifndef UMCG_KERNEL_SHIM_SHARED_PEER_WATCH_H_
#define UMCG_KERNEL_SHIM_SHARED_PEER_WATCH_H_

#include "kernel_shim/shared/shared_task.h"

namespace umcg::inline v0::internal::shim {

// A place for the task, whose fd, device and inode are set: the one it asks for. -EBUSY: somebody
// else has it.
int take_place(umcg_shared_task& task, std::uint32_t place) noexcept;
// Gives it back, and watches nobody any more.
void give_place_back(umcg_shared_task& task) noexcept;

// Sees to it that the end of that peer will be noticed: has_ended() is true then, and the task is
// nudged. 0; -ESRCH: it has ended. Takes some system calls at the first contact, else two loads.
int watch_peer(umcg_shared_task& task, umcg_shared_id id) noexcept;

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_SHARED_PEER_WATCH_H_
