// SPDX-License-Identifier: Apache-2.0
// wait_owner.h - who waits, for what, and whose affair it is to end that.
//
// Nothing here is locked, and what is looked at may be gone: a fiber's record may be the next
// fiber's, an object's memory anything (peek.h). The answer holds if the same record is read before
// and after: wait_graph.cc tells why. All of it is safe in a signal handler.
#ifndef UMCG_RUNTIME_WAITING_WAIT_OWNER_H_
#define UMCG_RUNTIME_WAITING_WAIT_OWNER_H_

#include <cstdint>

#include "runtime/waiting/wait_reason.h"

namespace umcg::inline v0::internal {

// Who: see current_token() in worker.h. 0: nobody.
using Token = std::uintptr_t;

// What a fiber or thread waits for; nothing, if it is not there any more.
WaitRecord wait_of(Token token) noexcept;

// Whether it is of a kind that somebody in particular has to end, and nothing else will.
bool may_have_owner(WaitRecord wait) noexcept;

// Who could end that wait, if it is one and alive; else 0.
Token owner_in(WaitRecord wait) noexcept;

// "fiber 12 "name"" or "thread 4711".
struct TokenText {
  char text[112];
};
TokenText describe(Token token) noexcept;

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_WAITING_WAIT_OWNER_H_
