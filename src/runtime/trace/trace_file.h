// SPDX-License-Identifier: Apache-2.0
// trace_file.h - a Timeline as a file for ui.perfetto.dev.
//
// In Chrome's JSON trace format, which Perfetto opens as well as its own. Its own is a tenth as
// large, but needs a decoder wherever it is read, while JSON is read by three lines of any language
// (our tests, the script that draws the picture in docs/, grep); and the size of a trace is bounded
// by its rings.
#ifndef UMCG_RUNTIME_TRACE_TRACE_FILE_H_
#define UMCG_RUNTIME_TRACE_TRACE_FILE_H_

#include <string>
#include <system_error>
#include <unordered_map>

#include "runtime/trace/timeline.h"

namespace umcg::inline v0::internal {

struct TraceText {
  std::string runtime;  // its name
  std::unordered_map<std::uint64_t, std::string> names;
  std::size_t fiber_tracks = 0;  // at most so many
};

// The error of writing. Throws std::bad_alloc.
std::error_code write_trace(int fd, const Timeline& line, const TraceText& text);

}  // namespace umcg::inline v0::internal

#endif  // UMCG_RUNTIME_TRACE_TRACE_FILE_H_
