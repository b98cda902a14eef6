// SPDX-License-Identifier: Apache-2.0
// rpc_hostile_test.cc - a server survives clients that write garbage and ones that are killed, and
// a client its server.
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <random>
#include <system_error>
#include <thread>

#include "kernel_shim/shared/shared_task.h"
#include "rpc_case.h"
#include "shared/group.h"
#include "umcg/runtime.h"
#include "umcg/shared_group.h"

namespace {

using umcg_test::Child;
using umcg_test::echo;
using umcg_test::text_call;
namespace rpc = umcg::rpc;

void await_place(umcg_shared_task* self, std::uint32_t place) {
  umcg_shared_id id = 0;
  for (int i = 0; i < 60'000 && umcg_shared_find(self, place, &id) != 0; ++i) ::usleep(1000);
}

// Writes into every word of the region, group and data, at random.
[[noreturn]] void scribble(const rpc::Region& region, std::uint32_t seed) {
  std::mt19937 random(seed);
  umcg_shared_task* task = nullptr;
  if (umcg_shared_join(region.fd(), 0, 2, &task) != 0) ::_exit(1);
  await_place(task, 0);
  await_place(task, 1);
  void* data = nullptr;
  std::size_t bytes = 0;
  umcg_shared_data(task, &data, &bytes);
  auto* const words =
      reinterpret_cast<std::atomic<std::uint32_t>*>(static_cast<char*>(data) - 4096);
  const std::size_t count = (bytes + 4096) / 4;
  for (;;) {
    // Small values and bits are more often sizes, states and slots that might be true.
    const std::uint32_t value =
        random() % 2 == 0 ? static_cast<std::uint32_t>(random()) : 1u << random() % 12;
    words[random() % count].store(value, std::memory_order_relaxed);
    if (random() % 4 == 0) words[random() % 100].fetch_or(value, std::memory_order_relaxed);
    if (random() % 64 == 0)
      (void)umcg_shared_wake(task, 0, (umcg_shared_id{1 + random() % 3} << 32) + 1);
  }
}

TEST(RpcHostile, GarbageDisturbsItsOwnRegionOnly) {
  const rpc::Region bad = *rpc::Region::create({.clients = 2, .slots = 4, .max_payload = 256});
  const rpc::Region good = *rpc::Region::create();
  Child scribbler([&]() -> int { scribble(bad, 7); });
  umcg::Runtime runtime({.servers = 2});
  const auto entered = runtime.enter();
  std::atomic<long> in_bad{0};
  const auto check_bounds = [&](std::span<const std::byte> in, std::span<std::byte> out) {
    ++in_bad;
    if (in.size() > 256 || out.size() != 256) std::abort();
    return echo(in, out);
  };
  {
    rpc::Server bad_server(bad, check_bounds);
    rpc::Server good_server(good, echo);
    rpc::Client victim(bad);
    rpc::Client client(good);
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(400);
    for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
      ASSERT_EQ(*text_call(client, std::to_string(i)), std::to_string(i));
      std::byte out[256];
      // Any answer, or none; but no longer than the deadline.
      (void)victim.call(umcg_test::as_bytes("abc"), out, {}, std::chrono::milliseconds(2));
    }
    ::kill(scribbler.pid(), SIGKILL);
    EXPECT_EQ(scribbler.exit_code(), 1000 + SIGKILL);
  }
}

// SIGKILL of client or server at a random moment, while calls are running.
// Whoever joins believes nothing that it has read before.
TEST(RpcHostile, AGroupRewrittenBeforeTheServerJoins) {
  const rpc::Region region = *rpc::Region::create({.clients = 1});
  void* const memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, region.fd(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const header = static_cast<umcg::internal::shim::GroupHeader*>(memory);
  header->tasks = UMCG_SHARED_MAX_TASKS;
  header->data_bytes = 0;
  umcg::Runtime runtime({.servers = 1});
  const auto entered = runtime.enter();
  EXPECT_THROW(rpc::Server(region, echo), std::system_error);
  EXPECT_THROW(rpc::Client{region}, std::system_error);
  ::munmap(memory, 4096);
}

TEST(RpcHostile, KilledAtAnyMoment) {
  std::mt19937 random(99);
  const int before = umcg_test::open_descriptors();
  void* const page =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* const served = new (page) std::atomic<int>(0);  // clients that have met the server
  int killed = 0;
  for (int i = 0; killed < umcg_test::kills(); ++i) {
    const rpc::Region region = *rpc::Region::create({.clients = 2});
    Child server([&] { return umcg_test::serve_until_killed(region); });
    const auto call_on = [&](absl::StatusCode end) {
      rpc::Client client(region);
      umcg_test::await_server(client);
      ++*served;
      for (int n = 0;; ++n) {
        const auto reply = text_call(client, std::to_string(n));
        if (!reply.ok()) return reply.status().code() == end ? 0 : 2;
        if (*reply != std::to_string(n)) return 3;
      }
    };
    Child first([&] { return call_on(absl::StatusCode::kUnavailable); });
    Child second([&] { return call_on(absl::StatusCode::kUnavailable); });
    while (*served != 2 * (i + 1)) ::usleep(1000);
    ::usleep(static_cast<useconds_t>(random() % 4000));
    if (random() % 2 == 0) {
      ::kill(first.pid(), SIGKILL);
      ++killed;
      ASSERT_EQ(first.exit_code(), 1000 + SIGKILL);
      // The place of the dead is taken again, and its successor is served.
      Child third([&] {
        rpc::Client client(region);
        umcg_test::await_server(client);
        return *text_call(client, "third") == "third" ? 0 : 1;
      });
      ASSERT_EQ(third.exit_code(), 0) << i;
      ::kill(server.pid(), SIGKILL);
    } else {
      ::kill(server.pid(), SIGKILL);
      ASSERT_EQ(first.exit_code(), 0) << i;
    }
    ++killed;
    ASSERT_EQ(server.exit_code(), 1000 + SIGKILL);
    ASSERT_EQ(second.exit_code(), 0) << i;
  }
  EXPECT_LE(umcg_test::open_descriptors(), before) << "what was open before may be closed by now";
  ::munmap(page, 4096);
}

}  // namespace
