// SPDX-License-Identifier: Apache-2.0
// frame_table.h - FrameEntry: what .eh_frame says about the function in which an address lies.
//
// Compilers describe each function's frame there, for exceptions: -fno-omit-frame-pointer is not
// needed. The format is that of the Linux Standard Base and of DWARF 4, 6.4.
#ifndef UMCG_RUNTIME_UNWIND_FRAME_TABLE_H_
#define UMCG_RUNTIME_UNWIND_FRAME_TABLE_H_

#include <cstddef>
#include <cstdint>

namespace umcg::inline v0::internal {

// Walks over encoded bytes of an object that is loaded, so that they can be trusted.
class ByteReader {
 public:
  ByteReader(const std::uint8_t* from, const std::uint8_t* to) noexcept : at_(from), end_(to) {}
  bool done() const noexcept { return at_ >= end_; }
  const std::uint8_t* at() const noexcept { return at_; }
  void skip(std::uint64_t n) noexcept { at_ += n; }

  template <class T>
  T take() noexcept {
    T value;
    __builtin_memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::uint64_t take_uleb() noexcept;
  std::int64_t take_sleb() noexcept;
  // An address in the encoding of DW_EH_PE_...; `data_base` is what DW_EH_PE_datarel counts from.
  std::uint64_t take_address(std::uint8_t encoding, std::uint64_t data_base) noexcept;

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

struct Bytes {
  const std::uint8_t* first = nullptr;
  const std::uint8_t* last = nullptr;
};

struct FrameEntry {
  std::uint64_t start = 0;  // of the function
  Bytes common;             // instructions for the frame of all functions of this kind
  Bytes own;                // and of this one
  std::uint64_t code_factor = 1;
  std::int64_t data_factor = 1;
  std::uint8_t address_encoding = 0;
  unsigned return_register = 0;
  bool is_signal_frame = false;
};

// False if nothing is known of that address. Safe in a signal handler where find_object() is.
bool find_frame_entry(std::uint64_t pc, FrameEntry& entry) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_UNWIND_FRAME_TABLE_H_
