// SPDX-License-Identifier: Apache-2.0
// blocked_call.h - BlockedCall: calls that block in the kernel until a fiber that is queued behind
// them on the only server has run.
//
// With hand-off they end. With hand-off off they must not, or the test would prove nothing: that is
// shown of each of them too, in a child process that is killed after a while.
//
//     TEST_P(BlockedCall, Read) {
//       Pipe pipe;
//       run([&] { EXPECT_EQ(pipe.read(), 1); }, [&] { pipe.write(1); });
//     }
#ifndef UMCG_TESTS_HANDOFF_BLOCKED_CALL_H_
#define UMCG_TESTS_HANDOFF_BLOCKED_CALL_H_

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "support/child.h"
#include "support/eventually.h"
#include "support/handoff_modes.h"
#include "support/pipe.h"
#include "umcg/fiber.h"
#include "umcg/runtime.h"

namespace umcg_test {

// Joins the fiber. One that hangs ends the program, with what the runtime has to say.
inline void join_or_abort(umcg::Runtime& rt, umcg::Fiber<>& fiber) {
  if (fiber.wait({}, kLong) != umcg::WaitStatus::kReady) {
    std::fprintf(stderr, "a fiber hangs\n%s\n", rt.stats().to_string().c_str());
    std::abort();
  }
  fiber.join();
}

class BlockedCall : public HandoffTest {
 protected:
  // One server, and with it the fewest workers that can do it: whoever blocks, and one for the
  // rest. With more threads than fibers such a test would prove nothing.
  template <class Call, class End>
  static void run(Call call, End end, int max_workers = 2) {
    run_fiber(
        [call = std::move(call), end = std::move(end)] {
          auto behind = umcg::spawn(end);
          call();
          behind.join();
        },
        max_workers);
  }

  // The same for a first fiber that starts the others itself.
  template <class Body>
  static void run_fiber(Body body, int max_workers, int servers = 1) {
    if (GetParam() == "off") {
      expect_to_hang(body, max_workers, servers);
    } else {
      finish(body, max_workers, servers);
    }
  }

 private:
  template <class Body>
  static void finish(Body body, int max_workers, int servers) {
    umcg::Runtime rt({.servers = servers, .max_workers = max_workers});
    auto fiber = rt.spawn(body);
    join_or_abort(rt, fiber);
  }

  // The child says one byte when the fiber starts, and ends when the fiber has.
  template <class Body>
  static void expect_to_hang(Body body, int max_workers, int servers) {
    Pipe says;
    const Child child([&] {
      finish(
          [&] {
            says.write(1);
            body();
          },
          max_workers, servers);
      return 0;
    });
    says.close_writer();
    EXPECT_EQ(says.read(), 1);
    EXPECT_FALSE(child.ends_within(std::chrono::milliseconds(300)))
        << "it ends without hand-off too, so it shows nothing of it";
  }
};

}  // namespace umcg_test

#endif  // UMCG_TESTS_HANDOFF_BLOCKED_CALL_H_
