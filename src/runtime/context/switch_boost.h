// SPDX-License-Identifier: Apache-2.0
// switch_boost.h - the portable switch, of Boost.Context: what is saved of a suspended flow of
// control, and the jump.
//
// The registers are in a frame on the stack that is left, whose address whoever arrives elsewhere
// is told: it writes it into the record of the context that was left (saved_frame.h knows the
// frame).
#ifndef UMCG_RUNTIME_CONTEXT_SWITCH_BOOST_H_
#define UMCG_RUNTIME_CONTEXT_SWITCH_BOOST_H_

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

namespace umcg::inline v0::internal {

struct SavedState {
  boost::context::detail::fcontext_t frame = nullptr;  // null: never left. First: lowest_in_use()
  void (*entry)(void*) = nullptr;                      // until it has begun
  // On the way to whoever is jumped to.
  void* passed = nullptr;
  void (*entry_there)(void*) = nullptr;
};

inline void* take_note(boost::context::detail::transfer_t from) noexcept {
  auto& left = *static_cast<SavedState*>(from.data);
  left.frame = from.fctx;
  return left.passed;
}

// Saves the caller as `from` and goes on at `to`, with `data`. Returns what the jump back brings.
inline void* save_and_jump(SavedState& from, const SavedState& to, void* data) noexcept {
  from.passed = data;
  from.entry_there = to.entry;
  return take_note(boost::context::detail::jump_fcontext(to.frame, &from));
}

// What a jump there would begin: entry(data), on a stack that grows down from `high`.
inline SavedState state_at_entry(void* high, std::size_t size, void (*entry)(void*)) noexcept {
  SavedState state;
  state.entry = entry;
  state.frame = boost::context::detail::make_fcontext(
      high, size, [](boost::context::detail::transfer_t from) {
        void* const data = take_note(from);
        static_cast<SavedState*>(from.data)->entry_there(data);
      });
  return state;
}

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_CONTEXT_SWITCH_BOOST_H_
