// SPDX-License-Identifier: Apache-2.0
// trace.h - TraceOptions: what Runtime::trace_to() keeps. See docs/tracing.md.
#ifndef UMCG_TRACE_H_
#define UMCG_TRACE_H_

#include <cstddef>

namespace umcg::inline v0 {

struct TraceOptions {
  // The last events that are kept of each server, and of all who hold none; rounded up to a power
  // of two. Each takes 32 bytes.
  std::size_t events_per_server = 65536;
  // So many fibers get a track of their own: those with the most events.
  std::size_t fiber_tracks = 1000;
};

}  // namespace umcg::inline v0

#endif  // UMCG_TRACE_H_
