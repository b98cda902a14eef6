// SPDX-License-Identifier: Apache-2.0
#include "runtime/unwind/unwinder.h"

#include "runtime/base/peek.h"
#include "runtime/unwind/frame_expression.h"
#include "runtime/unwind/loaded_object.h"

namespace umcg::inline v0::internal {
namespace {

using Kind = RegisterRule::Kind;

constexpr std::uint64_t kWord = sizeof(std::uint64_t);
// How far above the known part of a stack a guess looks for the next return address.
constexpr std::uint64_t kGuessWords = 2048;

// Without the signature that arm64's pointer authentication puts into a return address.
std::uint64_t plain_address(std::uint64_t pc) noexcept {
#if defined(__aarch64__)
  register std::uint64_t x30 asm("x30") = pc;
  asm("hint #7" : "+r"(x30));  // xpaclri
  return x30;
#else
  return pc;
#endif
}

enum class Call : std::uint8_t { kNone, kOfAnother, kPerhaps };

#if defined(__x86_64__)
// A jump through memory, as calls of another object's functions go by way of.
bool is_trampoline(std::uint64_t function) noexcept {
  constexpr std::uint64_t kLongest = 7;
  FrameEntry entry;  // else there need not be anything to read
  if (!find_frame_entry(function, entry) || !find_frame_entry(function + kLongest - 1, entry)) {
    return false;
  }
  const auto* code = reinterpret_cast<const std::uint8_t*>(function);
  constexpr std::uint8_t kEndbr[] = {0xf3, 0x0f, 0x1e, 0xfa};
  if (__builtin_memcmp(code, kEndbr, sizeof kEndbr) == 0) code += sizeof kEndbr;
  if (*code == 0xf2) ++code;
  return code[0] == 0xff && code[1] == 0x25;
}
#endif

// Whether there is a call before that address, and whether it may be of the function that begins
// there.
Call call_before(std::uint64_t pc, [[maybe_unused]] std::uint64_t function) noexcept {
  LoadedObject object;
  FrameEntry entry;
  if (!find_object(pc, object) || !find_frame_entry(pc - 1, entry)) return Call::kNone;
  const auto* const code = reinterpret_cast<const std::uint8_t*>(pc);
#if defined(__x86_64__)
  constexpr std::uint64_t kLongestCall = 7;
  if (pc - kLongestCall < entry.start) return Call::kNone;
  if (code[-5] == 0xe8) {  // relative
    std::int32_t distance;
    __builtin_memcpy(&distance, code - sizeof distance, sizeof distance);
    const std::uint64_t called = pc + static_cast<std::uint64_t>(std::int64_t{distance});
    return called == function || is_trampoline(called) ? Call::kPerhaps : Call::kOfAnother;
  }
  for (int length = 2; length <= 7; ++length) {  // through a register or memory: ff /2
    if (code[-length] == 0xff && (code[1 - length] & 0x38) == 0x10) return Call::kPerhaps;
  }
  return Call::kNone;
#else
  constexpr std::uint64_t kCall = 4;
  if (pc % kCall != 0 || pc - kCall < entry.start) return Call::kNone;
  std::uint32_t instruction;
  __builtin_memcpy(&instruction, code - kCall, sizeof instruction);
  const bool calls =
      instruction >> 26 == 0x25 || (instruction & 0xfffffc1f) == 0xd63f0000;  // bl, blr
  return calls ? Call::kPerhaps : Call::kNone;
#endif
}

}  // namespace

bool StackRange::read(std::uint64_t address, std::uint64_t& value) const noexcept {
  if (address >= low && address < high && high - address >= kWord) {
    value = glance(reinterpret_cast<const void*>(address));
    return true;
  }
  return elsewhere && peek(reinterpret_cast<const void*>(address), &value, sizeof value);
}

void Unwinder::walk(Registers r, const StackRange& stack, Backtrace& result) noexcept {
  result.count = 0;
  result.cut = false;
  bool guessed = false;
  while (r.pc != 0) {
    if (result.count == Backtrace::kMost) {
      result.cut = true;
      return;
    }
    result.frames[result.count++] = {r.pc, r.at_instruction, guessed};
    const std::uint64_t below = r.sp();
    const Step did = step(r, stack);
    guessed = did == Step::kStuck;
    if (did == Step::kEnd || (guessed && !guess(r, stack))) return;
    // Frames lie one above the other. The innermost may have nothing on the stack yet.
    if (r.sp() < below || (r.sp() == below && result.count > 1)) return;
  }
}

Unwinder::Step Unwinder::step(Registers& r, const StackRange& stack) noexcept {
  const std::uint64_t pc = r.at_instruction ? r.pc : r.pc - 1;
  FrameEntry entry;
  if (!find_frame_entry(pc, entry)) return Step::kStuck;
  const FrameRow* const row = rules_.row_at(pc, entry);
  if (row == nullptr) return Step::kStuck;
  std::uint64_t frame = 0;
  if (row->base_expression != nullptr) {
    if (!evaluate(row->base_expression, r, stack, nullptr, frame)) return Step::kStuck;
  } else {
    const auto base = static_cast<unsigned>(row->base_register);
    if (row->base_register >= kRegisterCount || !r.knows(base)) return Step::kStuck;
    frame = r[base] + static_cast<std::uint64_t>(row->base_offset);
  }
  return apply(*row, entry, frame, r, stack);
}

Unwinder::Step Unwinder::apply(const FrameRow& row, const FrameEntry& entry, std::uint64_t frame,
                               Registers& r, const StackRange& stack) noexcept {
  const unsigned back = entry.return_register;
  if (back >= kRegisterCount || row.rules[back].kind == Kind::kUndefined) return Step::kEnd;
  Registers caller = r;
  for (unsigned i = 0; i < kRegisterCount; ++i) {
    const RegisterRule& rule = row.rules[i];
    std::uint64_t value = 0;
    bool known = false;
    switch (rule.kind) {
      case Kind::kSame:
        continue;
      case Kind::kUndefined:
        break;
      case Kind::kAtOffset:
        known = stack.read(frame + static_cast<std::uint64_t>(rule.number), value);
        break;
      case Kind::kOffset:
        value = frame + static_cast<std::uint64_t>(rule.number);
        known = true;
        break;
      case Kind::kRegister:
        known = rule.number >= 0 && r.knows(static_cast<unsigned>(rule.number));
        if (known) value = r[static_cast<unsigned>(rule.number)];
        break;
      case Kind::kAtExpression:
        known = evaluate(rule.expression, r, stack, &frame, value) && stack.read(value, value);
        break;
      case Kind::kExpression:
        known = evaluate(rule.expression, r, stack, &frame, value);
        break;
    }
    if (known) {
      caller.set(i, value);
    } else {
      caller.forget(i);
    }
  }
  if (!caller.knows(back)) return Step::kStuck;
  if (row.rules[kStackRegister].kind == Kind::kSame) caller.set(kStackRegister, frame);
  caller.pc = plain_address(caller[back]);
  caller.at_instruction = entry.is_signal_frame;
  if (back == kReturnRegister) caller.forget(back);
  r = caller;
  return Step::kFound;
}

bool Unwinder::leads_to_the_end(Registers r, const StackRange& stack) noexcept {
  for (std::size_t i = 0; i < Backtrace::kMost && r.pc != 0; ++i) {
    const std::uint64_t below = r.sp();
    const Step did = step(r, stack);
    if (did == Step::kEnd) return true;
    if (did == Step::kStuck || r.sp() <= below) return false;
  }
  return false;  // zeros are everywhere on a stack: no proof of an end
}

bool Unwinder::guess(Registers& r, const StackRange& stack) noexcept {
  const std::uint64_t pc = r.at_instruction ? r.pc : r.pc - 1;
  FrameEntry entry;
  const FrameRow* const found = find_frame_entry(pc, entry) ? rules_.row_at(pc, entry) : nullptr;
  if (found != nullptr) stuck_at_ = *found;
  std::uint64_t at = (r.sp() + kWord - 1) & ~(kWord - 1);
  Registers first;
  Registers second;  // leads to the end, but called another function
  for (std::uint64_t i = 0; i < kGuessWords; ++i, at += kWord) {
    std::uint64_t word = 0;
    if (!stack.read(at, word)) break;
    word = plain_address(word);
    const Call call = call_before(word, found != nullptr ? entry.start : 0);
    if (call == Call::kNone) continue;
    Registers caller = r;
    // What the tables say of the frame is true all the same, once it is known where it is.
    if (found == nullptr || apply(stuck_at_, entry, at + kWord, caller, stack) != Step::kFound ||
        caller.pc != word) {
      caller = Registers::only(word, at + kWord);
      caller.at_instruction = false;
    }
    if (first.pc == 0) first = caller;
    if (!leads_to_the_end(caller, stack)) continue;
    if (call == Call::kOfAnother) {
      if (second.pc == 0) second = caller;
      continue;
    }
    r = caller;
    return true;
  }
  if (second.pc != 0) first = second;
  if (first.pc != 0) r = first;
  return first.pc != 0;
}

}  // namespace umcg::inline v0::internal
