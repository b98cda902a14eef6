// SPDX-License-Identifier: Apache-2.0
// sandbox_policy.h - what a program in the sandbox may open, and how that is asked and answered.
//
// A question is a struct OpenRequest and an absolute path. The answer is the path without links,
// to be opened as it stands, or an error: kPermissionDenied.
#ifndef UMCG_EXAMPLES_SANDBOX_POLICY_H_
#define UMCG_EXAMPLES_SANDBOX_POLICY_H_

#include <fcntl.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct OpenRequest {
  int flags;  // of open(2)
};

// Files below some directories, for reading. /proc should not be among them: there "self" is the
// one who decides.
class Policy {
 public:
  explicit Policy(std::vector<std::string> allowed) : allowed_(std::move(allowed)) {}

  // The handler of an rpc::Server.
  absl::StatusOr<std::size_t> operator()(std::span<const std::byte> in,
                                         std::span<std::byte> out) const {
    OpenRequest request;
    if (in.size() <= sizeof request) return absl::InvalidArgumentError("no path");
    std::memcpy(&request, in.data(), sizeof request);
    const auto path = in.subspan(sizeof request);
    const auto answer =
        decide(request.flags, {reinterpret_cast<const char*>(path.data()), path.size()});
    if (!answer.ok()) return answer.status();
    if (answer->size() > out.size()) return absl::PermissionDeniedError("too long");
    std::memcpy(out.data(), answer->data(), answer->size());
    return answer->size();
  }

 private:
  absl::StatusOr<std::string> decide(int flags, std::string_view path) const {
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0) {
      return absl::PermissionDeniedError("for reading only");
    }
    std::error_code error;
    const std::string real = std::filesystem::weakly_canonical(path, error).string();
    if (error || std::none_of(allowed_.begin(), allowed_.end(),
                              [&](const std::string& top) { return is_below(top, real); })) {
      return absl::PermissionDeniedError("not below what is allowed");
    }
    return real;
  }

  static bool is_below(std::string_view top, std::string_view path) {
    return path.substr(0, top.size()) == top &&
           (path.size() == top.size() || path[top.size()] == '/');
  }

  const std::vector<std::string> allowed_;
};

#endif  // UMCG_EXAMPLES_SANDBOX_POLICY_H_
