// SPDX-License-Identifier: Apache-2.0
// Statistics as a struct, as text, as JSON and as OpenMetrics say the same, and other programs can
// read them.
#include "umcg/stats.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

#include "support/shell.h"
#include "support/temp_file.h"
#include "umcg/blocking.h"
#include "umcg/runtime.h"
#include "umcg/this_fiber.h"

namespace {

void write_to(const umcg_test::TempFile& file, const std::string& text) {
  ASSERT_EQ(::write(file.fd(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

// What the checker prints; the files are those of one runtime and of several.
umcg_test::Output check(const std::string& json, const std::string& open_metrics) {
  const umcg_test::TempFile a;
  const umcg_test::TempFile b;
  write_to(a, json);
  write_to(b, open_metrics);
  return umcg_test::run_python("tests/monitoring/check_stats.py " + a.path() + " " + b.path() +
                               " " UMCG_SOURCE_DIR "/include/umcg/stats.h");
}

TEST(Stats, EachFormSaysTheSame) {
  // Names of users: quotes, line ends, and bytes that are not UTF-8 (a sequence cut short).
  umcg::Runtime odd({.servers = 1, .name = "a\"b\\c\nd\x01\xc3\xa9\xc3"});
  umcg::Runtime rt({.servers = 2, .name = "second"});
  rt.run([] {
    for (int i = 0; i < 10; ++i) {
      umcg::post([] { umcg::this_fiber::yield(); });
      umcg::blocking_now([] { ::usleep(100); });
    }
  });
  ASSERT_TRUE(rt.wait_idle());
  const std::array all{odd.stats(), rt.stats()};
  EXPECT_EQ(all[1].fibers_started, 11U);
  EXPECT_GT(all[1].handoffs_hint, 0U);
  for (const umcg::Stats& s : all) {
    const auto alone = check(s.to_json(), s.to_open_metrics());
    EXPECT_EQ(alone.status, 0) << alone.text << s.to_json() << s.to_open_metrics();
    const auto together = check(s.to_json(), umcg::to_open_metrics(all));
    EXPECT_EQ(together.status, 0) << together.text;
  }
  EXPECT_EQ(check(all[0].to_json(), all[0].to_open_metrics()).text,
            "runtime: 'a\"b\\\\c\\nd\\x01\\xe9\\ufffd'\n");
}

TEST(Stats, HistogramsAreCumulativeWithTheirSum) {
  umcg::Stats s;
  s.name = "h";
  s.handoff_latency.buckets[0] = 1;  // 0
  s.handoff_latency.buckets[2] = 3;  // 2, 2, 3
  s.handoff_latency.sum = 7;
  s.at_bound_ns = 1'500'000'001;
  const std::string text = s.to_open_metrics();
  for (const std::string line :
       {"_bucket{runtime=\"h\",le=\"0.000000000\"} 1\n",
        "_bucket{runtime=\"h\",le=\"0.000000001\"} 1\n",
        "_bucket{runtime=\"h\",le=\"0.000000003\"} 4\n", "_bucket{runtime=\"h\",le=\"+Inf\"} 4\n",
        "_count{runtime=\"h\"} 4\n", "_sum{runtime=\"h\"} 0.000000007\n"}) {
    EXPECT_NE(text.find("umcg_handoff_latency_seconds" + line), std::string::npos) << line << text;
  }
  EXPECT_NE(text.find("umcg_at_bound_seconds_total{runtime=\"h\"} 1.500000001\n"),
            std::string::npos)
      << text;
  EXPECT_NE(s.to_json().find("{\"count\":4,\"sum\":7,\"buckets\":[[0,1],[3,3]]}"),
            std::string::npos)
      << s.to_json();
  EXPECT_NE(s.to_string().find("handoff_latency_p50_ns 3  # "), std::string::npos);
}

// The checker is not one that passes everything.
TEST(Stats, TheCheckerSeesWhatIsWrong) {
  umcg::Stats s;
  const std::string json = s.to_json();
  EXPECT_EQ(check(json, s.to_open_metrics()).status, 0);
  umcg::Stats other;
  other.steals = 1;
  EXPECT_NE(check(json, other.to_open_metrics()).status, 0);
  EXPECT_NE(check(json.substr(1), s.to_open_metrics()).status, 0);
  EXPECT_NE(check(json, s.to_open_metrics() + "x 1\n").status, 0);
}

}  // namespace
