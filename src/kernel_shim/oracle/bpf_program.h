// SPDX-License-Identifier: Apache-2.0
// bpf_program.h - the programs that bpf_oracle.cc loads into the kernel, as instructions.
#ifndef UMCG_KERNEL_SHIM_ORACLE_BPF_PROGRAM_H_
#define UMCG_KERNEL_SHIM_ORACLE_BPF_PROGRAM_H_

#include <linux/bpf.h>

#include <cstdint>
#include <vector>

namespace umcg::inline v0::internal::shim {

// An element of the array `slots`, which the kernel writes and we map. A cache line each: the
// kernel writes from the CPU that the thread is on.
struct alignas(64) BpfSlot {
  std::uint64_t blocked;  // written by the kernel at each switch of the thread
  std::uint64_t task;     // its key in `tasks`; 0 until the thread has left the CPU once
};

// Descriptors of the maps, and what the addresses of tasks are hidden with.
struct BpfMaps {
  int slots;  // array of BpfSlot
  int tids;   // hash: tid, as the kernel counts, to index in slots
  int tasks;  // hash: hidden address of the task to index in slots
  std::uint64_t secret;
};

// For the raw tracepoint sched_switch.
std::vector<bpf_insn> switch_program(const BpfMaps& maps);

// Returns the tid of who runs it, as the kernel counts: in a container gettid() is another one.
std::vector<bpf_insn> tid_program();

}  // namespace umcg::inline v0::internal::shim

#endif  // UMCG_KERNEL_SHIM_ORACLE_BPF_PROGRAM_H_
