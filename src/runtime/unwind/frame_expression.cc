// SPDX-License-Identifier: Apache-2.0
#include "runtime/unwind/frame_expression.h"

namespace umcg::inline v0::internal {
namespace {

// DW_OP_...
enum : std::uint8_t {
  kDeref = 0x06,
  kConst1u = 0x08,
  kConst1s = 0x09,
  kConst2u = 0x0a,
  kConst2s = 0x0b,
  kConst4u = 0x0c,
  kConst4s = 0x0d,
  kConstu = 0x10,
  kConsts = 0x11,
  kAnd = 0x1a,
  kMinus = 0x1c,
  kPlus = 0x22,
  kPlusUconst = 0x23,
  kShl = 0x24,
  kGe = 0x2a,
  kLit0 = 0x30,
  kLit31 = 0x4f,
  kBreg0 = 0x70,
  kBreg31 = 0x8f,
};

class Machine {
 public:
  void push(std::uint64_t value) noexcept {
    if (count_ == kDepth) {
      failed_ = true;
    } else {
      values_[count_++] = value;
    }
  }
  std::uint64_t pop() noexcept {
    if (count_ == 0) {
      failed_ = true;
      return 0;
    }
    return values_[--count_];
  }
  void fail() noexcept { failed_ = true; }
  bool failed() const noexcept { return failed_; }

 private:
  static constexpr unsigned kDepth = 8;
  std::uint64_t values_[kDepth];
  unsigned count_ = 0;
  bool failed_ = false;
};

void push_register(Machine& machine, const Registers& r, unsigned number,
                   std::int64_t offset) noexcept {
  if (number == kReturnRegister && !r.knows(number)) {
    machine.push(r.pc + static_cast<std::uint64_t>(offset));
  } else if (r.knows(number)) {
    machine.push(r[number] + static_cast<std::uint64_t>(offset));
  } else {
    machine.fail();
  }
}

void run_binary(Machine& machine, std::uint8_t op) noexcept {
  const std::uint64_t second = machine.pop();
  const std::uint64_t first = machine.pop();
  switch (op) {
    case kAnd:
      return machine.push(first & second);
    case kMinus:
      return machine.push(first - second);
    case kPlus:
      return machine.push(first + second);
    case kShl:
      return machine.push(second < 64 ? first << second : 0);
    default:
      return machine.push(static_cast<std::int64_t>(first) >= static_cast<std::int64_t>(second));
  }
}

}  // namespace

bool evaluate(const std::uint8_t* expression, const Registers& registers, const StackRange& stack,
              const std::uint64_t* frame, std::uint64_t& result) noexcept {
  ByteReader length(expression, expression + 1);
  const std::uint64_t size = length.take_uleb();
  ByteReader in(length.at(), length.at() + size);
  Machine machine;
  if (frame != nullptr) machine.push(*frame);
  while (!in.done() && !machine.failed()) {
    const auto op = in.take<std::uint8_t>();
    if (op >= kLit0 && op <= kLit31) {
      machine.push(op - std::uint64_t{kLit0});
      continue;
    }
    if (op >= kBreg0 && op <= kBreg31) {
      push_register(machine, registers, op - unsigned{kBreg0}, in.take_sleb());
      continue;
    }
    switch (op) {
      case kDeref: {
        std::uint64_t value = 0;
        if (!stack.read(machine.pop(), value)) return false;
        machine.push(value);
        break;
      }
      case kConst1u:
        machine.push(in.take<std::uint8_t>());
        break;
      case kConst1s:
        machine.push(static_cast<std::uint64_t>(in.take<std::int8_t>()));
        break;
      case kConst2u:
        machine.push(in.take<std::uint16_t>());
        break;
      case kConst2s:
        machine.push(static_cast<std::uint64_t>(in.take<std::int16_t>()));
        break;
      case kConst4u:
        machine.push(in.take<std::uint32_t>());
        break;
      case kConst4s:
        machine.push(static_cast<std::uint64_t>(in.take<std::int32_t>()));
        break;
      case kConstu:
        machine.push(in.take_uleb());
        break;
      case kConsts:
        machine.push(static_cast<std::uint64_t>(in.take_sleb()));
        break;
      case kPlusUconst:
        machine.push(machine.pop() + in.take_uleb());
        break;
      case kAnd:
      case kMinus:
      case kPlus:
      case kShl:
      case kGe:
        run_binary(machine, op);
        break;
      default:
        return false;
    }
  }
  result = machine.pop();
  return !machine.failed();
}

}  // namespace umcg::inline v0::internal
