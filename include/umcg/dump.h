// SPDX-License-Identifier: Apache-2.0
// dump.h - seeing every fiber: what it is, where it stands, and what it waits for.
//
//     umcg::dump_on_signal(SIGQUIT);  // from now on: kill -QUIT PID
//     rt.dump([](std::string_view text) { std::cerr << text; });  // or at any moment
//
// A dump stops nobody, takes no lock and starts nothing: it works when all is stuck.
// docs/debugging.md walks through one, and has a script for gdb that shows the same of a core file.
#ifndef UMCG_DUMP_H_
#define UMCG_DUMP_H_

#include <csignal>
#include <functional>
#include <string_view>

#include "umcg/internal/config.h"

namespace umcg::inline v0 {

// Gets the text of a dump piece by piece, whole lines each.
using DumpSink = std::function<void(std::string_view)>;

// From now on this signal makes the process write a dump of all its runtimes to standard error, and
// go on. A thread of the library's own writes it. If that has not come to an end within 2 s, the
// next signal's handler writes another one itself, with C++ names as the linker has them.
// Any thread; once for each signal; replaces the signal's handler. ~Runtime waits for a dump that
// is being written. Throws std::system_error if there is no thread to be had, or no such signal.
UMCG_API void dump_on_signal(int signal = SIGQUIT);

}  // namespace umcg::inline v0

#endif  // UMCG_DUMP_H_
