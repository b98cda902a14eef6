// SPDX-License-Identifier: Apache-2.0
// debug_layout.h - what tools/gdb/umcg.py must know to find fibers: addresses, offsets, numbers.
//
// A release of the library has no debug information of types, and may have none at all. So the
// layout is compiled in, as a table of named numbers under an exported C symbol: right for the very
// binary that it is in, also in a core file, also of a stripped library. Rejected: a script that
// asks gdb for types (needs -g of this library in production, and breaks without a word when a
// field is renamed).
#ifndef UMCG_RUNTIME_DEBUG_DEBUG_LAYOUT_H_
#define UMCG_RUNTIME_DEBUG_DEBUG_LAYOUT_H_

#include <cstdint>

#include "umcg/internal/config.h"

// The table ends with a null name. An item is a number, or an address.
struct umcg_debug_item {
  const char* name;
  std::uint64_t number;
  const void* address;
};
extern "C" UMCG_API const umcg_debug_item umcg_debug_layout[];

namespace umcg::inline v0::internal {

// Anything that is linked into every program calls this, so that the table is, too.
void keep_debug_layout() noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_DEBUG_DEBUG_LAYOUT_H_
