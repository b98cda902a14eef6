// SPDX-License-Identifier: Apache-2.0
// stats_text.cc - Stats as text. Each form goes through the lists of umcg/stats.h: what is declared
// there appears in all of them.
#include <array>
#include <cinttypes>
#include <cstdio>
#include <string_view>
#include <utility>

#include "runtime/base/text.h"
#include "umcg/stats.h"

namespace umcg::inline v0 {
namespace {

using internal::json_string;
using internal::label_value;

template <class Value>
struct Item {
  std::string_view name;
  std::string_view description;
  Value Stats::*value;
};

#define UMCG_NUMBER(name, description) Item<std::uint64_t>{#name, description, &Stats::name},
#define UMCG_FACT(name, description) Item<std::string>{#name, description, &Stats::name},
#define UMCG_HISTOGRAM(name, description) Item<Histogram>{#name, description, &Stats::name},
constexpr std::array kCounters{UMCG_COUNTERS(UMCG_NUMBER)};
constexpr std::array kGauges{UMCG_GAUGES(UMCG_NUMBER)};
constexpr std::array kFacts{UMCG_FACTS(UMCG_FACT)};
constexpr std::array kHistograms{UMCG_HISTOGRAMS(UMCG_HISTOGRAM)};
#undef UMCG_NUMBER
#undef UMCG_FACT
#undef UMCG_HISTOGRAM

struct Quantile {
  const char* suffix;
  double q;
};
constexpr std::array kQuantiles{Quantile{"_p50_ns", 0.5}, Quantile{"_p99_ns", 0.99}};

// --- for people ---

template <class Items, class Text>
void add_lines(std::string& to, const Items& items, Text text) {
  for (const auto& item : items) {
    ((to += item.name) += ' ') += text(item);
    ((to += "  # ") += item.description) += '\n';
  }
}

// --- JSON ---

// The members of one object; text(item) is a value.
template <class Items, class Text>
std::string json_object(const Items& items, Text text) {
  std::string to = "{";
  for (const auto& item : items) {
    if (to.size() > 1) to += ',';
    (to += json_string(item.name)) += ':';
    to += text(item);
  }
  return to += '}';
}

std::string json_histogram(const Histogram& h) {
  std::string to = "{\"count\":" + std::to_string(h.count()) + ",\"sum\":" + std::to_string(h.sum) +
                   ",\"buckets\":[";
  const char* separator = "";
  for (std::size_t i = 0; i < h.buckets.size(); ++i) {
    if (h.buckets[i] == 0) continue;
    to += separator + ("[" + std::to_string(Histogram::limit(i)) + ",") +
          std::to_string(h.buckets[i]) + "]";
    separator = ",";
  }
  return to += "]}";
}

// --- OpenMetrics ---

// Exact, which a double is not.
std::string seconds(std::uint64_t ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%" PRIu64 ".%09" PRIu64, ns / 1'000'000'000,
                ns % 1'000'000'000);
  return text;
}

class Exposition {
 public:
  explicit Exposition(std::span<const Stats> runtimes) : runtimes_(runtimes) {}

  void add_number(std::string_view type, const Item<std::uint64_t>& item) {
    constexpr std::string_view kNs = "_ns";
    const bool is_time = item.name.ends_with(kNs);
    std::string name(item.name);
    if (is_time) name.replace(name.size() - kNs.size(), kNs.size(), "_seconds");
    begin(name, type, item.description, is_time);
    for (const Stats& s : runtimes_) {
      const std::uint64_t value = s.*item.value;
      sample(type == "counter" ? "_total" : "", s, "",
             is_time ? seconds(value) : std::to_string(value));
    }
  }

  void add_histogram(const Item<Histogram>& item) {
    begin(std::string(item.name) + "_seconds", "histogram", item.description, true);
    for (const Stats& s : runtimes_) {
      const Histogram& h = s.*item.value;
      std::uint64_t so_far = 0;
      for (std::size_t i = 0; i < h.buckets.size(); ++i) {
        so_far += h.buckets[i];
        const bool last = i + 1 == h.buckets.size();
        const std::string limit = last ? "+Inf" : seconds(Histogram::limit(i));
        sample("_bucket", s, ",le=\"" + limit + "\"", std::to_string(so_far));
      }
      sample("_count", s, "", std::to_string(so_far));
      sample("_sum", s, "", seconds(h.sum));
    }
  }

  void add_facts() {
    begin("runtime", "info", "what the runtime has chosen", false);
    for (const Stats& s : runtimes_) {
      std::string labels;
      for (const auto& item : kFacts) {
        ((labels += ',') += item.name) += '=';
        labels += label_value(s.*item.value);
      }
      sample("_info", s, labels, "1");
    }
  }

  std::string end() && { return std::move(text_) + "# EOF\n"; }

 private:
  void begin(const std::string& name, std::string_view type, std::string_view description,
             bool is_time) {
    family_ = "umcg_" + name;
    ((text_ += "# TYPE " + family_ + ' ') += type) += '\n';
    if (is_time) text_ += "# UNIT " + family_ + " seconds\n";
    ((text_ += "# HELP " + family_ + ' ') += description) += '\n';
  }
  void sample(std::string_view suffix, const Stats& s, std::string_view more_labels,
              std::string_view value) {
    (text_ += family_) += suffix;
    ((text_ += "{runtime=" + label_value(s.name)) += more_labels) += "} ";
    (text_ += value) += '\n';
  }

  const std::span<const Stats> runtimes_;
  std::string family_;
  std::string text_;
};

}  // namespace

std::string Stats::to_string() const {
  std::string to;
  const auto number = [this](const auto& item) { return std::to_string(this->*item.value); };
  add_lines(to, kCounters, number);
  add_lines(to, kGauges, number);
  add_lines(to, kFacts, [this](const auto& item) { return this->*item.value; });
  for (const auto& item : kHistograms) {
    for (const Quantile& quantile : kQuantiles) {
      ((to += item.name) += quantile.suffix) += ' ';
      to += std::to_string((this->*item.value).quantile(quantile.q));
      ((to += "  # ") += item.description) += '\n';
    }
  }
  return to;
}

std::string Stats::to_json() const {
  const auto number = [this](const auto& item) { return std::to_string(this->*item.value); };
  std::string to = "{\"counters\":" + json_object(kCounters, number);
  to += ",\"gauges\":" + json_object(kGauges, number);
  to += ",\"facts\":" +
        json_object(kFacts, [this](const auto& item) { return json_string(this->*item.value); });
  to += ",\"histograms\":" + json_object(kHistograms, [this](const auto& item) {
          return json_histogram(this->*item.value);
        });
  return to += '}';
}

std::string Stats::to_open_metrics() const { return umcg::to_open_metrics({this, 1}); }

std::string to_open_metrics(std::span<const Stats> runtimes) {
  Exposition to(runtimes);
  for (const auto& item : kCounters) to.add_number("counter", item);
  for (const auto& item : kGauges) to.add_number("gauge", item);
  for (const auto& item : kHistograms) to.add_histogram(item);
  to.add_facts();
  return std::move(to).end();
}

}  // namespace umcg::inline v0
