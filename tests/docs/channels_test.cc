// SPDX-License-Identifier: Apache-2.0
// The examples of docs/channels.md, under the names that they have there.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "umcg/channel.h"
#include "umcg/event.h"
#include "umcg/runtime.h"
#include "umcg/select.h"

namespace {

using namespace std::chrono_literals;

TEST(Channels, Pipeline) {
  umcg::Runtime rt;
  umcg::Channel<std::string> lines(100);
  umcg::Channel<std::size_t> lengths;
  auto measure = rt.spawn([&] {
    for (std::string& line : lines) {
      if (!lengths.send(line.size())) return;
    }
    lengths.close();
  });
  auto add = rt.spawn([&] {
    std::size_t sum = 0;
    for (const std::size_t length : lengths) sum += length;
    return sum;
  });
  for (int i = 1; i <= 100; ++i) {
    if (!lines.send(std::string(static_cast<std::size_t>(i), '*'))) break;
  }
  lines.close();
  measure.join();
  EXPECT_EQ(add.join(), 5050U);
}

TEST(Channels, Answer) {
  umcg::Runtime rt;
  struct Question {
    int number;
    umcg::Channel<int>* answer;
  };
  umcg::Channel<Question> questions;
  auto server = rt.spawn([&] {
    for (const Question& q : questions) (void)q.answer->send(q.number * q.number);
  });
  const auto ask = [&](int number) {
    umcg::Channel<int> answer;
    (void)questions.send({number, &answer});
    return *answer.recv();
  };
  for (int i = 0; i < 200; ++i) EXPECT_EQ(ask(i), i * i);
  questions.close();
  server.join();
}

TEST(Channels, Loop) {
  umcg::Runtime rt;
  for (const bool by_closing : {true, false}) {
    umcg::Channel<int> jobs(10);
    umcg::Event quit;
    const auto idle = 1ms;
    int done = 0;
    int idle_times = 0;
    auto worker = rt.spawn([&] {
      for (bool going_on = true; going_on;) {
        std::optional<int> job;
        switch (umcg::select({jobs.on_recv(job), quit.on_set(), umcg::on_deadline(idle)})) {
          case 0:
            if (job) {
              done += *job;
            } else {
              going_on = false;  // closed
            }
            break;
          case 1:
            going_on = false;
            break;
          default:
            ++idle_times;
        }
      }
    });
    for (int i = 1; i <= 10; ++i) EXPECT_TRUE(jobs.send(i));
    if (by_closing) {
      jobs.close();
    } else {
      quit.set();
    }
    worker.join();
    EXPECT_GE(idle_times, 0);
    if (by_closing) {
      EXPECT_EQ(done, 55);
    }
  }
}

TEST(Channels, AtRunTime) {
  std::vector<umcg::Channel<int>> channels(12);
  umcg::Runtime rt;
  auto sender = rt.spawn([&] { (void)channels[7].send(70); });
  std::vector<std::optional<int>> from(channels.size());
  std::vector<umcg::SelectCase> cases;
  for (std::size_t i = 0; i < channels.size(); ++i) cases.push_back(channels[i].on_recv(from[i]));
  const std::size_t which = umcg::select(cases);
  EXPECT_EQ(which, 7U);
  EXPECT_EQ(from[which], 70);
  sender.join();
}

}  // namespace
