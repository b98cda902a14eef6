// SPDX-License-Identifier: Apache-2.0
// saved_frame.h - where the switch (context.h) leaves the registers of the context that it saves.
//
// The unwinder and gdb's script read them; a test that names a parked fiber's callers breaks when
// the switch changes and this does not.
#ifndef UMCG_RUNTIME_UNWIND_SAVED_FRAME_H_
#define UMCG_RUNTIME_UNWIND_SAVED_FRAME_H_

#include <cstddef>
#include <cstdint>

#include "runtime/context/context.h"

namespace umcg::inline v0::internal {

struct SavedRegister {
  unsigned number;  // DWARF's
  std::size_t offset;
};

#if !defined(UMCG_SWITCH_OF_BOOST)
// In the context's record itself.
inline constexpr bool kSavedOnStack = false;
inline constexpr SavedRegister kSavedRegisters[] = {{3, offsetof(SavedState, rbx)},
                                                    {6, offsetof(SavedState, rbp)}};
inline constexpr std::size_t kSavedPc = offsetof(SavedState, pc);
inline constexpr std::size_t kSavedFrameSize = 0;
#else
// In a frame at the low end of the stack in use, whose address is in the record.
inline constexpr bool kSavedOnStack = true;
#if defined(__x86_64__)
inline constexpr SavedRegister kSavedRegisters[] = {{12, 0x08}, {13, 0x10}, {14, 0x18},
                                                    {15, 0x20}, {3, 0x28},  {6, 0x30}};
inline constexpr std::size_t kSavedPc = 0x38;
inline constexpr std::size_t kSavedFrameSize = 0x40;
#elif defined(__aarch64__)
inline constexpr SavedRegister kSavedRegisters[] = {{19, 0x40}, {20, 0x48}, {21, 0x50}, {22, 0x58},
                                                    {23, 0x60}, {24, 0x68}, {25, 0x70}, {26, 0x78},
                                                    {27, 0x80}, {28, 0x88}, {29, 0x90}, {30, 0x98}};
inline constexpr std::size_t kSavedPc = 0xa0;
inline constexpr std::size_t kSavedFrameSize = 0xb0;
#endif
#endif

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_UNWIND_SAVED_FRAME_H_
