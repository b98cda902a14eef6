// SPDX-License-Identifier: Apache-2.0
// rpc_test.cc - calls from fibers and threads, in one process and across; what fails and how.
#include "umcg/rpc.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "rpc_case.h"
#include "support/eventually.h"
#include "support/on_one_cpu.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/scope.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using umcg_test::as_bytes;
using umcg_test::Child;
using umcg_test::echo;
using umcg_test::text_call;
namespace rpc = umcg::rpc;

rpc::Region make_region(const rpc::RegionOptions& options = {}) {
  return *rpc::Region::create(options);
}

TEST(Rpc, FromThreadsAndFibersInOneProcess) {
  constexpr int kCallers = 8;
  constexpr int kCalls = 200;
  const rpc::Region region = make_region({.clients = 2, .slots = 3});
  umcg::Runtime runtime({.servers = 2});
  const auto entered = runtime.enter();
  rpc::Server server(region, echo);
  rpc::Client client(region);
  rpc::Client other(region);
  const auto many = [&](rpc::Client& c, int caller) {
    for (int i = 0; i < kCalls; ++i) {
      const std::string text = std::to_string(caller) + "/" + std::to_string(i);
      ASSERT_EQ(*text_call(c, text), text);
    }
  };
  std::vector<std::thread> threads;
  std::vector<umcg::Fiber<void>> fibers;
  for (int i = 0; i < kCallers; ++i) {
    threads.emplace_back([&, i] { many(i % 2 == 0 ? client : other, i); });
    fibers.push_back(umcg::spawn([&, i] { many(i % 2 == 0 ? client : other, 100 + i); }));
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& fiber : fibers) fiber.join();
}

TEST(Rpc, AcrossProcesses) {
  const rpc::Region region = make_region();
  Child child([&] { return umcg_test::serve_until_killed(region); });
  rpc::Client client(region);
  umcg_test::await_server(client);
  std::vector<std::byte> in(4096);
  std::vector<std::byte> out(4096);
  for (std::size_t size : {0, 1, 64, 4095, 4096}) {
    for (std::size_t i = 0; i < size; ++i) in[i] = static_cast<std::byte>(i * 7 + size);
    ASSERT_EQ(*client.call({in.data(), size}, out), size);
    ASSERT_EQ(std::memcmp(in.data(), out.data(), size), 0);
  }
  for (int i = 0; i < 500; ++i) ASSERT_EQ(*text_call(client, std::to_string(i)), std::to_string(i));

  ::kill(child.pid(), SIGKILL);
  ASSERT_EQ(child.exit_code(), 1000 + SIGKILL);
  EXPECT_EQ(text_call(client, "x").status().code(), absl::StatusCode::kUnavailable);

  // The next server of the region is found.
  umcg::Runtime runtime({.servers = 1});
  const auto entered = runtime.enter();
  rpc::Server server(region, echo);
  EXPECT_EQ(*text_call(client, "again"), "again");
}

TEST(Rpc, Errors) {
  EXPECT_FALSE(rpc::Region::create({.clients = 0}).ok());
  EXPECT_FALSE(rpc::Region::create({.slots = 65}).ok());
  EXPECT_FALSE(rpc::Region::open(-1).ok());
  const rpc::Region region = make_region({.clients = 1, .slots = 2, .max_payload = 100});
  umcg::Runtime runtime({.servers = 1});
  const auto entered = runtime.enter();
  rpc::Client client(region);
  EXPECT_THROW(rpc::Client{region}, std::system_error) << "one client only";
  EXPECT_EQ(text_call(client, "x").status().code(), absl::StatusCode::kUnavailable);

  rpc::Server server(region, [](auto in, auto out) -> absl::StatusOr<std::size_t> {
    const std::string text(reinterpret_cast<const char*>(in.data()), in.size());
    if (text == "long") return out.size() + 1;
    if (text == "throw") throw std::runtime_error("thrown");
    if (text == "throw a number") throw 42;
    if (text == "full") return out.size();
    return absl::PermissionDeniedError("no " + text);
  });
  EXPECT_THROW(rpc::Server(region, echo), std::system_error) << "one server only";
  const absl::Status denied = text_call(client, "way").status();
  EXPECT_EQ(denied.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(denied.message(), "no way");
  EXPECT_EQ(text_call(client, "long").status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(text_call(client, "throw").status().message(), "thrown");
  EXPECT_EQ(text_call(client, "throw a number").status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(text_call(client, std::string(101, 'x')).status().code(),
            absl::StatusCode::kInvalidArgument);
  std::byte small[99];
  EXPECT_EQ(client.call(as_bytes("full"), small).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(Rpc, DeadlineAndStop) {
  const rpc::Region region = make_region({.clients = 1, .slots = 2});
  umcg::Runtime runtime({.servers = 2});
  const auto entered = runtime.enter();
  umcg::Event go;
  std::atomic<int> begun{0};
  std::atomic<int> gone_on{0};
  rpc::Server server(region, [&](auto in, auto out) {
    if (in.size() == 1) {
      ++begun;
      go.wait();
      ++gone_on;
    }
    return echo(in, out);
  });
  rpc::Client client(region);
  EXPECT_EQ(*text_call(client, "the server is met"), "the server is met");
  std::byte out[16];
  for (const bool on_fiber : {false, true}) {
    const auto slow = [&](std::stop_token stop, umcg::Deadline deadline) {
      return client.call(as_bytes("x"), out, std::move(stop), deadline).status().code();
    };
    const auto run = [&](auto f) { return on_fiber ? runtime.run(f) : f(); };
    go.reset();
    EXPECT_EQ(run([&] { return slow({}, 20ms); }), absl::StatusCode::kDeadlineExceeded);
    std::stop_source source;
    std::thread stopper([&] {
      // What was given up is begun all the same, if it had not been yet.
      EXPECT_TRUE(umcg_test::eventually([&] { return begun == 2; }));
      source.request_stop();
    });
    EXPECT_EQ(run([&] { return slow(source.get_token(), {}); }), absl::StatusCode::kCancelled);
    stopper.join();
    // Both slots are still the server's.
    EXPECT_EQ(run([&] { return slow({}, 20ms); }), absl::StatusCode::kDeadlineExceeded);
    EXPECT_EQ(begun.exchange(0), 2);
    go.set();
    EXPECT_EQ(*text_call(client, "free again"), "free again");
    EXPECT_TRUE(umcg_test::eventually([&] { return gone_on == 2; }));
    gone_on = 0;
  }
}

// One slot for many. Whoever leads may be waiting for it, when the others have all gone.
TEST(Rpc, LeaderThatWaitsForASlot) {
  const rpc::Region region = make_region({.clients = 1, .slots = 1});
  umcg::Runtime runtime({.servers = 2});
  const auto entered = runtime.enter();
  rpc::Server server(region, echo);
  rpc::Client client(region);
  for (int i = 0; i < 200; ++i) {
    std::vector<umcg::Fiber<void>> fibers;
    for (int f = 0; f < 3; ++f) {
      fibers.push_back(umcg::spawn([&] { EXPECT_EQ(*text_call(client, "x"), "x"); }));
    }
    for (auto& fiber : fibers) fiber.join();
  }
}

// Two slots are put back at once, before the first of those that wait has come for one.
TEST(Rpc, EachFreeSlotIsTaken) {
  const rpc::Region region = make_region({.clients = 1, .slots = 3});
  umcg::Runtime runtime({.servers = 1});
  runtime.run([&] {
    std::atomic<int> begun{0};
    umcg::Event go;
    umcg::Event end;
    umcg::Event last_has_begun;
    rpc::Server server(region, [&](auto in, auto) -> absl::StatusOr<std::size_t> {
      ++begun;
      switch (static_cast<char>(in[0])) {
        case 'e':
          end.wait();
          break;
        case 'g':
          go.wait();
          break;
        case 'w':
          last_has_begun.wait();
          break;
        default:
          last_has_begun.set();
      }
      return 0;
    });
    rpc::Client client(region);
    umcg::Scope scope;
    const auto call = [&](const char* text) {
      return scope.spawn([&client, text] { EXPECT_TRUE(text_call(client, text).ok()); });
    };
    const auto until_begun = [&](int calls) {
      while (begun < calls) umcg::this_fiber::sleep_for(100us);
    };
    (void)call("end");
    until_begun(1);
    (void)call("go");
    (void)call("go");
    until_begun(3);
    (void)call("waits for the last");
    (void)call("last");
    umcg::this_fiber::sleep_for(10ms);  // both wait for a slot, though nothing depends on it
    go.set();
    EXPECT_TRUE(last_has_begun.wait_for(60s)) << "a slot is free, and nobody was told";
    last_has_begun.set();
    end.set();
    scope.join();
  });
}

// Its successor finds all places taken but its own.
TEST(Rpc, AServerComesBackWhileItsClientLives) {
  const rpc::Region region = make_region({.clients = 1});
  umcg::Runtime runtime({.servers = 1});
  const auto entered = runtime.enter();
  rpc::Client client(region);
  for (int i = 0; i < 2; ++i) {
    const auto opened = rpc::Region::open(::dup(region.fd()));
    ASSERT_TRUE(opened.ok()) << opened.status();
    rpc::Server server(*opened, echo);
    // The first call after a server's end may be the one that finds out.
    EXPECT_TRUE(umcg_test::eventually([&] { return text_call(client, "again").ok(); }));
  }
}

// A fiber that calls parks: its server, the only one, goes on with the others.
TEST(Rpc, CallersAndHandlersParkOnOneServer) {
  const rpc::Region region = make_region();
  umcg::Runtime runtime({.servers = 1});
  runtime.run([&] {
    std::atomic<int> together{0};
    rpc::Server server(region, [&](auto in, auto out) {
      ++together;
      while (together < 5) umcg::this_fiber::yield();
      return echo(in, out);
    });
    rpc::Client client(region);
    umcg::Scope scope;
    for (int i = 0; i < 5; ++i) {
      (void)scope.spawn([&] { EXPECT_EQ(*text_call(client, "hi"), "hi"); });
    }
    scope.join();
  });
}

// On one CPU whoever calls again finds the server at once; the others' requests are older.
TEST(Rpc, NobodyStandsStill) {
  constexpr int kCallers = 16;
  constexpr int kCalls = 500;
  const umcg_test::OnOneCpu on_one_cpu;
  const rpc::Region region = make_region();
  Child child([&] { return umcg_test::serve_until_killed(region); });
  rpc::Client client(region);
  umcg_test::await_server(client);
  umcg::Runtime runtime({.servers = 1});
  int calls = 0;
  int overtaken = 0;
  runtime.run([&] {
    umcg::Scope scope;
    for (int i = 0; i < kCallers; ++i) {
      (void)scope.spawn([&] {
        for (int call = 0; call < kCalls; ++call) {
          const int before = calls;
          ASSERT_EQ(*text_call(client, "hi"), "hi");
          overtaken = std::max(overtaken, calls - before);
          ++calls;
        }
      });
    }
    scope.join();
  });
  EXPECT_LT(overtaken, kCalls / 2) << "calls of others that ended while one did not";
}

TEST(Rpc, EndOfServerEndsCalls) {
  const rpc::Region region = make_region();
  umcg::Runtime runtime({.servers = 2});
  const auto entered = runtime.enter();
  rpc::Client client(region);
  for (int i = 0; i < 20; ++i) {
    std::optional<rpc::Server> server;
    server.emplace(region, echo);
    std::vector<umcg::Fiber<absl::StatusCode>> fibers;
    for (int f = 0; f < 4; ++f) {
      fibers.push_back(umcg::spawn([&] {
        for (;;) {
          const auto reply = text_call(client, "x");
          if (!reply.ok()) return reply.status().code();
        }
      }));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(i * 100));
    server.reset();
    for (auto& fiber : fibers) EXPECT_EQ(fiber.join(), absl::StatusCode::kUnavailable);
  }
}

}  // namespace
