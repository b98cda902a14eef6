// SPDX-License-Identifier: Apache-2.0
// rpc.cc - the smallest use of umcg::rpc, as somebody else's program.
#include <algorithm>
#include <cstdio>

#include "umcg/rpc.h"
#include "umcg/runtime.h"

int main() {
  const auto region = umcg::rpc::Region::create();
  if (!region.ok()) return 1;
  umcg::Runtime rt;
  const auto entered = rt.enter();
  umcg::rpc::Server server(*region, [](auto in, auto out) -> absl::StatusOr<std::size_t> {
    std::reverse_copy(in.begin(), in.end(), out.begin());
    return in.size();
  });
  umcg::rpc::Client client(*region);
  const std::byte in[] = {std::byte{2}, std::byte{4}};
  std::byte out[2] = {};
  const auto size = client.call(in, out);
  std::printf("%d%d\n", static_cast<int>(out[0]), static_cast<int>(out[1]));
  return size.ok() && *size == 2 && out[0] == std::byte{4} ? 0 : 1;
}
