// SPDX-License-Identifier: Apache-2.0
// bpf_program.cc - what runs in the kernel at each switch, in C:
//
//     sched_switch(bool preempt, task *prev, task *next, unsigned prev_state) {
//       if (index = tids[current tid]) {         // current is prev
//         slot = &slots[*index];
//         slot->blocked = !preempt && (prev_state & (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE));
//         if (!slot->task && tasks[prev ^ secret] = *index succeeds) slot->task = prev ^ secret;
//       }
//       if (index = tasks[next ^ secret]) slots[*index].blocked = 0;
//     }
//
// The one that leaves is known by its tid. Of the one that comes only the address of its task is at
// hand: to read the tid there one would have to know the layout of that kernel. So the address is
// noted when the thread leaves for the first time; before that there is nothing to say of it. The
// addresses never reach the process: a secret of the program hides them.
//
// Assembled here: it needs no compiler for BPF, no library, and no type information of the kernel.
#include "kernel_shim/oracle/bpf_program.h"

#include <cstddef>
#include <initializer_list>
#include <utility>

namespace umcg::inline v0::internal::shim {
namespace {

enum Register : std::uint8_t { kR0, kR1, kR2, kR3, kR4, kR5, kR6, kR7, kR8, kR9, kR10 };
enum Size : std::uint8_t { k32 = BPF_W, k64 = BPF_DW };

// Where a variable is, below the frame pointer r10.
constexpr std::int16_t kKey = -16;   // 8 bytes
constexpr std::int16_t kIndex = -8;  // 4 bytes
constexpr std::int16_t kTid = -4;    // 4 bytes

class Assembler {
 public:
  using Jump = std::size_t;

  void move(Register to, Register from) { emit(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0); }
  void set(Register to, std::int32_t value) {
    emit(BPF_ALU64 | BPF_MOV | BPF_K, to, kR0, 0, value);
  }
  void set_wide(Register to, std::uint64_t value, std::uint8_t kind = 0) {
    emit(BPF_LD | BPF_IMM | BPF_DW, to, static_cast<Register>(kind), 0,
         static_cast<std::int32_t>(value));
    emit(0, kR0, kR0, 0, static_cast<std::int32_t>(value >> 32));
  }
  void exclusive_or(Register to, Register with) {
    emit(BPF_ALU64 | BPF_XOR | BPF_X, to, with, 0, 0);
  }
  void mask(Register r, std::int32_t with) { emit(BPF_ALU64 | BPF_AND | BPF_K, r, kR0, 0, with); }
  void load(Size size, Register to, Register base, std::int16_t offset) {
    emit(BPF_LDX | BPF_MEM | size, to, base, offset, 0);
  }
  void store(Size size, Register base, std::int16_t offset, Register from) {
    emit(BPF_STX | BPF_MEM | size, base, from, offset, 0);
  }
  void store_zero(Register base, std::int16_t offset) {
    emit(BPF_ST | BPF_MEM | BPF_DW, base, kR0, offset, 0);
  }
  void address_of(Register to, std::int16_t variable) {
    move(to, kR10);
    emit(BPF_ALU64 | BPF_ADD, to, kR0, 0, variable);  // BPF_K is 0, as BPF_ADD is
  }
  void call(std::int32_t helper) { emit(BPF_JMP | BPF_CALL, kR0, kR0, 0, helper); }
  // r0: the address of the element, or 0.
  void look_up(int map, std::int16_t key) {
    set_wide(kR1, static_cast<std::uint32_t>(map), BPF_PSEUDO_MAP_FD);
    address_of(kR2, key);
    call(BPF_FUNC_map_lookup_elem);
  }
  void end(std::int32_t result) {
    set(kR0, result);
    end();
  }
  void end() { emit(BPF_JMP | BPF_EXIT, kR0, kR0, 0, 0); }

  [[nodiscard]] Jump jump_if_zero(Register r) { return jump(BPF_JEQ, r); }
  [[nodiscard]] Jump jump_unless_zero(Register r) { return jump(BPF_JNE, r); }
  // The jumps lead to what comes next.
  void here(std::initializer_list<Jump> jumps) {
    for (const Jump from : jumps) {
      code_[from].off = static_cast<std::int16_t>(code_.size() - from - 1);
    }
  }

  std::vector<bpf_insn> code() && { return std::move(code_); }

 private:
  Jump jump(std::uint8_t condition, Register r) {
    emit(static_cast<std::uint8_t>(BPF_JMP | BPF_K | condition), r, kR0, 0, 0);
    return code_.size() - 1;
  }
  void emit(std::uint8_t code, Register to, Register from, std::int16_t offset,
            std::int32_t value) {
    bpf_insn insn{};
    insn.code = code;
    insn.dst_reg = to & 0xf;
    insn.src_reg = from & 0xf;
    insn.off = offset;
    insn.imm = value;
    code_.push_back(insn);
  }

  std::vector<bpf_insn> code_;
};

// r1 = the hidden address of the task that is the argument at `offset` of the context in r6, in
// kKey too.
void hide_task(Assembler& a, std::int16_t offset, std::uint64_t secret) {
  a.load(k64, kR1, kR6, offset);
  a.set_wide(kR2, secret);
  a.exclusive_or(kR1, kR2);
  a.store(k64, kR10, kKey, kR1);
}

// r0 = &slots[*r0], or 0.
void look_up_slot(Assembler& a, int slots) {
  a.load(k32, kR1, kR0, 0);
  a.store(k32, kR10, kIndex, kR1);
  a.look_up(slots, kIndex);
}

}  // namespace

std::vector<bpf_insn> switch_program(const BpfMaps& maps) {
  constexpr std::int16_t kPreempt = 0;
  constexpr std::int16_t kPrev = 8;
  constexpr std::int16_t kNext = 16;
  constexpr std::int16_t kPrevState = 24;      // from Linux 5.18 on; before, the kernel refuses
  constexpr std::int32_t kSleeps = 0x1 | 0x2;  // TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE
  constexpr std::int16_t kBlocked = offsetof(BpfSlot, blocked);
  constexpr std::int16_t kTask = offsetof(BpfSlot, task);

  Assembler a;
  a.move(kR6, kR1);
  a.call(BPF_FUNC_get_current_pid_tgid);
  a.store(k32, kR10, kTid, kR0);
  a.look_up(maps.tids, kTid);
  const auto foreign = a.jump_if_zero(kR0);
  look_up_slot(a, maps.slots);
  const auto no_slot = a.jump_if_zero(kR0);
  a.move(kR7, kR0);

  a.set(kR3, 0);
  a.load(k64, kR1, kR6, kPreempt);
  const auto preempted = a.jump_unless_zero(kR1);
  a.load(k64, kR2, kR6, kPrevState);
  a.mask(kR2, kSleeps);
  const auto runnable = a.jump_if_zero(kR2);
  a.set(kR3, 1);
  a.here({preempted, runnable});
  a.store(k64, kR7, kBlocked, kR3);

  a.load(k64, kR1, kR7, kTask);
  const auto noted = a.jump_unless_zero(kR1);
  hide_task(a, kPrev, maps.secret);
  a.move(kR8, kR1);
  a.set_wide(kR1, static_cast<std::uint32_t>(maps.tasks), BPF_PSEUDO_MAP_FD);
  a.address_of(kR2, kKey);
  a.address_of(kR3, kIndex);
  a.set(kR4, BPF_ANY);
  a.call(BPF_FUNC_map_update_elem);
  const auto map_is_busy = a.jump_unless_zero(kR0);  // the next switch will do
  a.store(k64, kR7, kTask, kR8);

  a.here({foreign, no_slot, noted, map_is_busy});
  hide_task(a, kNext, maps.secret);
  a.look_up(maps.tasks, kKey);
  const auto next_is_foreign = a.jump_if_zero(kR0);
  look_up_slot(a, maps.slots);
  const auto next_has_no_slot = a.jump_if_zero(kR0);
  a.store_zero(kR0, kBlocked);
  a.here({next_is_foreign, next_has_no_slot});
  a.end(0);
  return std::move(a).code();
}

std::vector<bpf_insn> tid_program() {
  Assembler a;
  a.call(BPF_FUNC_get_current_pid_tgid);
  a.end();
  return std::move(a).code();
}

}  // namespace umcg::inline v0::internal::shim
