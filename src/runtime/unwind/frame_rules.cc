// SPDX-License-Identifier: Apache-2.0
#include "runtime/unwind/frame_rules.h"

namespace umcg::inline v0::internal {
namespace {

using Kind = RegisterRule::Kind;

// DW_CFA_...; those below 0x40 are whole bytes, of the other three the low six bits are an operand.
enum : std::uint8_t {
  kAdvanceLoc = 0x40,
  kOffset = 0x80,
  kRestore = 0xc0,
  kNop = 0x00,
  kSetLoc = 0x01,
  kAdvanceLoc1 = 0x02,
  kAdvanceLoc2 = 0x03,
  kAdvanceLoc4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaRegister = 0x0d,
  kDefCfaOffset = 0x0e,
  kDefCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSf = 0x11,
  kDefCfaSf = 0x12,
  kDefCfaOffsetSf = 0x13,
  kValOffset = 0x14,
  kValOffsetSf = 0x15,
  kValExpression = 0x16,
  kNegateRaState = 0x2d,  // arm64: the return address is signed from here on, or no more
  kGnuArgsSize = 0x2e,
  kGnuNegativeOffset = 0x2f,
};

const std::uint8_t* take_expression(ByteReader& in) noexcept {
  const std::uint8_t* const expression = in.at();
  in.skip(in.take_uleb());
  return expression;
}

}  // namespace

void FrameRules::set(std::uint64_t number, Kind kind, std::int64_t value) noexcept {
  if (number < kRegisterCount) row_.rules[number] = {kind, value, nullptr};
}

void FrameRules::set(std::uint64_t number, Kind kind, ByteReader& in) noexcept {
  const std::uint8_t* const expression = take_expression(in);
  if (number < kRegisterCount) row_.rules[number] = {kind, 0, expression};
}

void FrameRules::restore(std::uint64_t number) noexcept {
  if (number < kRegisterCount) row_.rules[number] = initial_.rules[number];
}

const FrameRow* FrameRules::row_at(std::uint64_t pc, const FrameEntry& entry) noexcept {
  row_ = FrameRow();
  nesting_ = 0;
  if (!run(entry.common, ~std::uint64_t{0}, entry)) return nullptr;
  initial_ = row_;
  return run(entry.own, pc, entry) ? &row_ : nullptr;
}

bool FrameRules::run(Bytes code, std::uint64_t pc, const FrameEntry& entry) noexcept {
  ByteReader in(code.first, code.last);
  std::uint64_t at = entry.start;
  const auto scaled = [&](std::uint64_t n) {
    return static_cast<std::int64_t>(n) * entry.data_factor;
  };
  while (!in.done() && at <= pc) {
    const auto op = in.take<std::uint8_t>();
    const std::uint64_t low = op & 0x3f;
    switch (op & 0xc0) {
      case kAdvanceLoc:
        at += low * entry.code_factor;
        continue;
      case kOffset:
        set(low, Kind::kAtOffset, scaled(in.take_uleb()));
        continue;
      case kRestore:
        restore(low);
        continue;
      default:
        break;
    }
    switch (op) {
      case kNop:
      case kNegateRaState:
        break;
      case kSetLoc:
        at = in.take_address(entry.address_encoding, 0);
        break;
      case kAdvanceLoc1:
        at += in.take<std::uint8_t>() * entry.code_factor;
        break;
      case kAdvanceLoc2:
        at += in.take<std::uint16_t>() * entry.code_factor;
        break;
      case kAdvanceLoc4:
        at += in.take<std::uint32_t>() * entry.code_factor;
        break;
      case kOffsetExtended: {
        const std::uint64_t number = in.take_uleb();
        set(number, Kind::kAtOffset, scaled(in.take_uleb()));
        break;
      }
      case kOffsetExtendedSf: {
        const std::uint64_t number = in.take_uleb();
        set(number, Kind::kAtOffset, in.take_sleb() * entry.data_factor);
        break;
      }
      case kGnuNegativeOffset: {
        const std::uint64_t number = in.take_uleb();
        set(number, Kind::kAtOffset, -scaled(in.take_uleb()));
        break;
      }
      case kValOffset: {
        const std::uint64_t number = in.take_uleb();
        set(number, Kind::kOffset, scaled(in.take_uleb()));
        break;
      }
      case kValOffsetSf: {
        const std::uint64_t number = in.take_uleb();
        set(number, Kind::kOffset, in.take_sleb() * entry.data_factor);
        break;
      }
      case kRestoreExtended:
        restore(in.take_uleb());
        break;
      case kUndefined:
        set(in.take_uleb(), Kind::kUndefined, 0);
        break;
      case kSameValue:
        set(in.take_uleb(), Kind::kSame, 0);
        break;
      case kRegister: {
        const std::uint64_t number = in.take_uleb();
        set(number, Kind::kRegister, static_cast<std::int64_t>(in.take_uleb()));
        break;
      }
      case kRememberState:
        if (nesting_ == kNesting) return false;
        remembered_[nesting_++] = row_;
        break;
      case kRestoreState:
        if (nesting_ == 0) return false;
        row_ = remembered_[--nesting_];
        break;
      case kDefCfa:
        row_.base_register = in.take_uleb();
        row_.base_offset = static_cast<std::int64_t>(in.take_uleb());
        row_.base_expression = nullptr;
        break;
      case kDefCfaSf:
        row_.base_register = in.take_uleb();
        row_.base_offset = in.take_sleb() * entry.data_factor;
        row_.base_expression = nullptr;
        break;
      case kDefCfaRegister:
        row_.base_register = in.take_uleb();
        break;
      case kDefCfaOffset:
        row_.base_offset = static_cast<std::int64_t>(in.take_uleb());
        break;
      case kDefCfaOffsetSf:
        row_.base_offset = in.take_sleb() * entry.data_factor;
        break;
      case kDefCfaExpression:
        row_.base_expression = take_expression(in);
        break;
      case kExpression: {
        const std::uint64_t number = in.take_uleb();
        set(number, Kind::kAtExpression, in);
        break;
      }
      case kValExpression: {
        const std::uint64_t number = in.take_uleb();
        set(number, Kind::kExpression, in);
        break;
      }
      case kGnuArgsSize:
        (void)in.take_uleb();
        break;
      default:
        return false;
    }
  }
  return true;
}

}  // namespace umcg::inline v0::internal
