// SPDX-License-Identifier: Apache-2.0
// crew.h - the same code on fibers, threads, both, or the fibers of two runtimes.
//
//     Crew crew(GetParam());
//     for (int i = 0; i < 8; ++i) crew.start([&] { std::scoped_lock lock(m); ++n; });
//     crew.join();
#ifndef UMCG_TESTS_SUPPORT_CREW_H_
#define UMCG_TESTS_SUPPORT_CREW_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/matrix.h"
#include "umcg/runtime.h"

namespace umcg_test {

enum class Mix { kFibers, kThreads, kFibersAndThreads, kTwoRuntimes };

struct CrewCase {
  Mix mix;
  int servers;
  umcg::Handoff handoff;
};

class Crew {
 public:
  explicit Crew(CrewCase c) : mix_(c.mix) {
    umcg::RuntimeOptions options;
    options.servers = c.servers;
    options.handoff = c.handoff;
    options.name = "crew a";
    if (mix_ != Mix::kThreads) first_ = std::make_unique<umcg::Runtime>(options);
    options.name = "crew b";
    options.chaos_seed = 2;
    if (mix_ == Mix::kTwoRuntimes) second_ = std::make_unique<umcg::Runtime>(options);
  }
  ~Crew() { join(); }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Every other member of a mixed crew runs in the other place.
  template <class F>
  void start(F f) {
    const bool other = started_++ % 2 == 1;
    if (mix_ == Mix::kThreads || (mix_ == Mix::kFibersAndThreads && other)) {
      threads_.emplace_back(std::move(f));
    } else {
      fibers_.push_back((other && second_ ? *second_ : *first_).spawn(std::move(f)));
    }
  }

  void join() {
    for (auto& thread : std::exchange(threads_, {})) thread.join();
    for (auto& fiber : std::exchange(fibers_, {})) fiber.join();
  }

 private:
  Mix mix_;
  unsigned started_ = 0;
  std::unique_ptr<umcg::Runtime> first_;
  std::unique_ptr<umcg::Runtime> second_;
  std::vector<std::thread> threads_;
  std::vector<umcg::Fiber<>> fibers_;
};

inline std::vector<CrewCase> crews() {
  std::vector<CrewCase> cases{{Mix::kThreads, 1, umcg::Handoff::kAuto}};
  for (Mix mix : {Mix::kFibers, Mix::kFibersAndThreads, Mix::kTwoRuntimes}) {
    for (umcg::Handoff handoff : {umcg::Handoff::kAuto, umcg::Handoff::kChaos}) {
      for (int servers : {1, 2}) cases.push_back({mix, servers, handoff});
    }
  }
  return cases;
}

inline std::string crew_name(const ::testing::TestParamInfo<CrewCase>& info) {
  static constexpr const char* kNames[] = {"fibers", "threads", "fibers_and_threads",
                                           "two_runtimes"};
  if (info.param.mix == Mix::kThreads) return "threads";
  return std::string(kNames[static_cast<int>(info.param.mix)]) + "_servers" +
         std::to_string(info.param.servers) + "_" + handoff_name(info.param.handoff);
}

class CrewTest : public ::testing::TestWithParam<CrewCase> {};

}  // namespace umcg_test

#define UMCG_INSTANTIATE_CREWS(suite)                                               \
  INSTANTIATE_TEST_SUITE_P(Crews, suite, ::testing::ValuesIn(::umcg_test::crews()), \
                           ::umcg_test::crew_name)

#endif  // UMCG_TESTS_SUPPORT_CREW_H_
