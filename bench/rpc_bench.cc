// SPDX-License-Identifier: Apache-2.0
// rpc_bench.cc - calls of another process that answers with what it was sent.
//
//     bytes_64, bytes_4096  one call after the other, by a plain thread, on one CPU or on two; the
//                           median and the 99th percentile of a round trip
//     callers_16            64 bytes, by 16 fibers of one runtime; peers: 16 threads with a
//                           connection each, to 16 threads. The unit is one call
//
// The server of umcg is a Runtime of one server. The peers move the same bytes by write(2) and
// read(2), and verify nothing that umcg does not.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include "common/delays.h"
#include "common/harness.h"
#include "umcg/fiber.h"
#include "umcg/rpc.h"
#include "umcg/runtime.h"

namespace bench {
namespace {

constexpr std::size_t kMost = 4096;
constexpr int kCallers = 16;

using Payload = std::array<std::byte, kMost>;

// A process that does serve() and ends when this object does.
class ServerProcess {
 public:
  template <class Serve>
  explicit ServerProcess(Serve serve) {
    (void)!pipe2(alive_, O_CLOEXEC);
    child_ = fork();
    if (child_ != 0) return;
    close(alive_[1]);
    serve([this] {
      char byte = 0;
      (void)!read(alive_[0], &byte, 1);
    });
    _exit(0);
  }
  ~ServerProcess() {
    close(alive_[1]);
    close(alive_[0]);
    waitpid(child_, nullptr, 0);
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

 private:
  int alive_[2] = {-1, -1};
  pid_t child_ = -1;
};

class UmcgCalls {
 public:
  explicit UmcgCalls(int /*connections*/)
      : server_([this](auto until_the_end) {
          umcg::Runtime runtime({.servers = 1});
          const auto entered = runtime.enter();
          const umcg::rpc::Server server(region_, [](auto in, auto out) {
            std::copy(in.begin(), in.end(), out.begin());
            return absl::StatusOr<std::size_t>(in.size());
          });
          until_the_end();
        }),
        client_(region_) {
    Payload payload{};
    while (!call(0, payload, 1)) std::this_thread::yield();  // it is about to begin
  }
  bool call(int /*connection*/, Payload& payload, std::size_t size) {
    const auto bytes = std::span(payload).first(size);
    const auto answer = client_.call(bytes, bytes);
    return answer.ok() && *answer == size;
  }

 private:
  umcg::rpc::Region region_ = umcg::rpc::Region::create().value();
  ServerProcess server_;
  umcg::rpc::Client client_;
};

bool send_all(int fd, const std::byte* data, std::size_t size) {
  while (size != 0) {
    const ssize_t n = write(fd, data, size);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

// `once`: as much as there is.
std::size_t receive(int fd, std::byte* data, std::size_t size, bool once) {
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n = read(fd, data + got, size - got);
    if (n <= 0) return 0;
    got += static_cast<std::size_t>(n);
    if (once) break;
  }
  return got;
}

// A thread for each connection, on both sides.
template <bool kSockets>
class ByteCalls {
 public:
  explicit ByteCalls(int connections)
      : ends_(connect(connections)), server_([this](auto) {
          std::vector<std::thread> threads;
          for (const Ends& ends : ends_) {
            close(ends.client_out);
            if (!kSockets) close(ends.client_in);
          }
          for (const Ends& ends : ends_) {
            threads.emplace_back([ends] {
              Payload payload;
              while (const std::size_t n = receive(ends.server_in, payload.data(), kMost, true)) {
                if (!send_all(ends.server_out, payload.data(), n)) return;
              }
            });
          }
          for (std::thread& thread : threads) thread.join();
        }) {
    for (const Ends& ends : ends_) {
      close(ends.server_in);
      if (!kSockets) close(ends.server_out);
    }
  }
  ~ByteCalls() {
    for (const Ends& ends : ends_) {
      close(ends.client_out);
      if (!kSockets) close(ends.client_in);
    }
  }
  bool call(int connection, Payload& payload, std::size_t size) {
    const Ends& ends = ends_[static_cast<std::size_t>(connection)];
    return send_all(ends.client_out, payload.data(), size) &&
           receive(ends.client_in, payload.data(), size, false) == size;
  }

 private:
  // In pairs of sockets the two of a side are the same.
  struct Ends {
    int client_in, client_out, server_in, server_out;
  };
  static std::vector<Ends> connect(int connections) {
    std::vector<Ends> all;
    for (int i = 0; i < connections; ++i) {
      int there[2];
      int back[2];
      if (kSockets) {
        (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, there);
        all.push_back({there[0], there[0], there[1], there[1]});
      } else {
        (void)!pipe(there);
        (void)!pipe(back);
        all.push_back({back[0], there[1], there[0], back[1]});
      }
    }
    return all;
  }

  std::vector<Ends> ends_;
  ServerProcess server_;
};

template <class Calls>
void add_one_caller(const char* impl, int cpus, std::size_t size) {
  add_once("rpc/bytes_" + std::to_string(size), impl, cpus, [=](benchmark::State& state) {
    const int calls = full_or_smoke(20'000, 100);
    Calls service(1);
    Payload payload{};
    std::vector<Clock::duration> delays;
    for (auto _ : state) {
      const Clock::time_point start = Clock::now();
      for (int i = 0; i < calls; ++i) {
        payload[0] = payload[size - 1] = static_cast<std::byte>(i);
        const Clock::time_point before = Clock::now();
        const bool right =
            service.call(0, payload, size) && payload[size - 1] == static_cast<std::byte>(i);
        if (right) delays.push_back(Clock::now() - before);
      }
      state.SetIterationTime(seconds_of(Clock::now() - start));
    }
    report_delays(state, delays, calls);
  });
}

// Runs caller(i) for each of kCallers, at the same time.
template <class Caller>
void on_fibers(Caller caller) {
  umcg::Runtime runtime({.servers = 1});
  std::vector<umcg::Fiber<>> fibers;
  for (int i = 0; i < kCallers; ++i) fibers.push_back(runtime.spawn([=] { caller(i); }));
  for (umcg::Fiber<>& fiber : fibers) fiber.join();
}
template <class Caller>
void on_threads(Caller caller) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kCallers; ++i) threads.emplace_back([=] { caller(i); });
  for (std::thread& thread : threads) thread.join();
}

template <class Calls, class OnAll>
void add_many_callers(const char* impl, int cpus, OnAll on_all) {
  add_once("rpc/callers_16", impl, cpus, [=](benchmark::State& state) {
    const int calls = full_or_smoke(2'000, 20);
    Calls service(kCallers);
    std::atomic<std::int64_t> right{0};
    Stopwatch watch(state);
    for (auto _ : state) {
      const Clock::time_point start = Clock::now();
      on_all([&](int caller) {
        Payload payload{};
        for (int i = 0; i < calls; ++i) {
          payload[63] = static_cast<std::byte>(i);
          right += service.call(caller, payload, 64) && payload[63] == static_cast<std::byte>(i);
        }
      });
      watch.iteration(Clock::now() - start);
    }
    watch.report(static_cast<double>(calls) * kCallers);
    if (right != std::int64_t{calls} * kCallers) fail(state, "wrong result");
  });
}

void add_all() {
  for (int cpus : {1, 2}) {
    for (const std::size_t size : {std::size_t{64}, kMost}) {
      add_one_caller<UmcgCalls>("umcg", cpus, size);
      add_one_caller<ByteCalls<true>>("unix_socket", cpus, size);
      add_one_caller<ByteCalls<false>>("pipe", cpus, size);
    }
    add_many_callers<UmcgCalls>("umcg", cpus, [](auto caller) { on_fibers(caller); });
    add_many_callers<ByteCalls<true>>("unix_socket", cpus, [](auto caller) { on_threads(caller); });
    add_many_callers<ByteCalls<false>>("pipe", cpus, [](auto caller) { on_threads(caller); });
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  bench::add_all();
  return bench::run_main(argc, argv);
}
