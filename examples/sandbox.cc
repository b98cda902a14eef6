// SPDX-License-Identifier: Apache-2.0
// sandbox.cc - runs a program, unmodified, that can read what it is allowed to and nothing else.
//
//     sandbox [--allow=DIRECTORY,...] -- PROGRAM [ARGUMENT...]
//     sandbox --allow=/usr,/etc/ld.so.cache,$PWD/data -- sha256sum data/file
//
// Three processes: the *program* (and what it starts), whose opens stop in the kernel; the *guard*,
// this process, which takes each of them as a fiber and asks; and the *broker*, which decides, by a
// policy that neither of the others can touch. Guard and broker talk by umcg::rpc. What is refused
// fails with EACCES and is reported; what is allowed is opened by the guard and handed in, so
// nothing that the program changes meanwhile matters. Without guard or broker nothing can be
// opened.
//
// It guards the contents of files, for reading. Calls that open nothing (stat, unlink, connect,
// kill) go through: a whole sandbox has more filters.
//
// Exit status: that of the program (128 + signal); 125 it could not be started that way; 2 wrong
// usage.
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "sandbox_policy.h"
#include "sandbox_program.h"
#include "umcg/rpc.h"
#include "umcg/runtime.h"
#include "umcg/scope.h"

ABSL_FLAG(std::vector<std::string>, allow, std::vector<std::string>({"/usr", "/etc/ld.so.cache"}),
          "directories (and files) that the program may read, without links");

namespace {

namespace rpc = umcg::rpc;

// The process that decides. Ends with this object.
class Broker {
 public:
  explicit Broker(const rpc::Region& region) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
      throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);
      serve(region, ends[1]);
      _exit(0);
    }
    close(ends[1]);
    life_ = ends[0];
    char ready;
    if (read(life_, &ready, 1) != 1) throw std::runtime_error("the broker did not start");
  }
  ~Broker() {
    close(life_);
    (void)waitpid(pid_, nullptr, 0);
  }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

 private:
  static void serve(const rpc::Region& region, int guard) {
    (void)prctl(PR_SET_NAME, "sandbox broker");
    umcg::Runtime runtime;
    const auto entered = runtime.enter();
    const rpc::Server server(region, Policy(absl::GetFlag(FLAGS_allow)));
    char byte = 0;
    (void)!write(guard, &byte, 1);
    (void)!read(guard, &byte, 1);  // until it closes its end
  }

  pid_t pid_ = -1;
  int life_ = -1;
};

absl::StatusOr<std::string> ask(rpc::Client& broker, int flags, const std::string& path) {
  const OpenRequest request{flags};
  std::vector<std::byte> in(sizeof request + path.size());
  std::memcpy(in.data(), &request, sizeof request);
  std::memcpy(in.data() + sizeof request, path.data(), path.size());
  std::string real(PATH_MAX, '\0');
  const auto size = broker.call(in, std::as_writable_bytes(std::span(real)));
  if (!size.ok()) return size.status();
  real.resize(*size);
  return real;
}

void decide(const sandbox::Program& program, const sandbox::Report& report, rpc::Client& broker) {
  try {
    const std::string path = program.path_of(report);
    const auto real = ask(broker, report.flags(), path);
    if (real.ok()) {
      program.answer_by_opening(report, *real);
    } else if (absl::IsPermissionDenied(real.status())) {
      std::fprintf(stderr, "sandbox: denied: %s\n", path.c_str());
      program.answer_by_failing(report, EACCES);
    } else {
      std::fprintf(stderr, "sandbox: %s\n", real.status().ToString().c_str());
      program.answer_by_failing(report, EIO);
    }
  } catch (const std::system_error& e) {
    program.answer_by_failing(report, e.code().value());
  }
}

int run(char** argv) {
  const auto region = rpc::Region::create({.clients = 1, .max_payload = 2 * PATH_MAX});
  if (!region.ok()) throw std::runtime_error(region.status().ToString());
  const Broker broker(*region);
  // Both are forked before this process has threads.
  const sandbox::Program program(argv);
  umcg::Runtime runtime;
  runtime.run([&] {
    rpc::Client client(*region);
    umcg::Scope scope;
    while (const auto report = program.next()) {
      (void)scope.spawn([&, report = *report] { decide(program, report, client); });
    }
  });
  return program.exit_status();
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() < 2) {
    std::fputs("usage: sandbox [--allow=DIRECTORY,...] -- PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  rest.push_back(nullptr);
  try {
    return run(rest.data() + 1);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "sandbox: %s\n", e.what());
    return 125;
  }
}
