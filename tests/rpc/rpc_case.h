// SPDX-License-Identifier: Apache-2.0
// rpc_case.h - what the tests of rpc.h share.
#ifndef UMCG_TESTS_RPC_RPC_CASE_H_
#define UMCG_TESTS_RPC_RPC_CASE_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "support/child.h"
#include "umcg/rpc.h"
#include "umcg/runtime.h"

namespace umcg_test {

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline absl::StatusOr<std::size_t> echo(std::span<const std::byte> in, std::span<std::byte> out) {
  std::copy(in.begin(), in.end(), out.begin());
  return in.size();
}

inline absl::StatusOr<std::string> text_call(umcg::rpc::Client& client, std::string_view text) {
  std::byte out[4096];
  const auto size = client.call(as_bytes(text), out, {}, std::chrono::seconds(60));
  if (!size.ok()) return size.status();
  return std::string(reinterpret_cast<const char*>(out), *size);
}

// For a child: never returns.
inline int serve_until_killed(const umcg::rpc::Region& region) {
  umcg::Runtime runtime({.servers = 1});
  return runtime.run([&] {
    umcg::rpc::Server server(region, echo);
    ::pause();
    return 0;
  });
}

inline void await_server(umcg::rpc::Client& client) {
  for (int i = 0; i < 60'000 && !text_call(client, "hello").ok(); ++i) ::usleep(1000);
}

}  // namespace umcg_test

#endif  // UMCG_TESTS_RPC_RPC_CASE_H_
