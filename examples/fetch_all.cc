// SPDX-License-Identifier: Apache-2.0
// fetch_all.cc - getaddrinfo and libcurl's easy interface, as they are: each transfer is a fiber.
//
//     fetch_all HOST PORT PATH [--transfers=64] [--threads=0]
//
// All transfers wait at once, on two servers; with --threads=N so many at a time, on threads, to
// compare. Exit status: 0 all came; 1 some did not, each with its error; 2 wrong usage.
#include <curl/curl.h>
#include <netdb.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "umcg/runtime.h"

ABSL_FLAG(int, transfers, 64, "how many, all at once");
ABSL_FLAG(int, threads, 0, "threads that make the transfers; 0: fibers");

namespace {

using Clock = std::chrono::steady_clock;

void resolve(const std::string& host, const std::string& port) {
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), nullptr, &found);
  if (error != 0) throw std::runtime_error(host + ": " + gai_strerror(error));
  freeaddrinfo(found);
}

std::string fetch(std::stop_token stop, const std::string& host, const std::string& port,
                  const std::string& path) {
  resolve(host, port);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) throw std::runtime_error("no memory for a transfer");
  const std::string url = "http://" + host + ":" + port + path;
  std::string body;
  const auto append = +[](char* data, std::size_t size, std::size_t count, void* to) {
    static_cast<std::string*>(to)->append(data, size * count);
    return size * count;
  };
  // libcurl asks about once a second; not 0 ends the transfer.
  const auto stopped = +[](void* token, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<std::stop_token*>(token)->stop_requested() ? 1 : 0;
  };
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);  // as in any program with threads
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 100L);  // s
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, stopped);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &stop);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) throw std::runtime_error(url + ": " + curl_easy_strerror(code));
  return body;
}

class Fetches {
 public:
  Fetches(std::string host, std::string port, std::string path, int count)
      : host_(std::move(host)), port_(std::move(port)), path_(std::move(path)), count_(count) {}

  void on_fibers(umcg::Runtime& rt) {
    std::vector<umcg::Fiber<>> fibers;
    for (int i = 0; i < count_; ++i) {
      fibers.push_back(rt.spawn([this](std::stop_token stop) { make(std::move(stop)); }));
    }
    for (auto& fiber : fibers) fiber.join();
  }

  void on_threads(int threads) {
    std::atomic<int> left = count_;
    std::vector<std::jthread> all;
    for (int t = 0; t < threads; ++t) {
      all.emplace_back([&](const std::stop_token& stop) {
        while (left-- > 0) make(stop);
      });
    }
    for (std::jthread& thread : all) thread.join();
  }

  bool report(Clock::duration time) const {
    std::printf("%d of %d transfers, %zu bytes; %.3f s\n", came_.load(), count_, bytes_.load(),
                std::chrono::duration<double>(time).count());
    return came_ == count_;
  }

 private:
  void make(std::stop_token stop) {
    try {
      bytes_ += fetch(std::move(stop), host_, port_, path_).size();
      ++came_;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "fetch_all: %s\n", e.what());
    }
  }

  const std::string host_;
  const std::string port_;
  const std::string path_;
  const int count_;
  std::atomic<int> came_ = 0;
  std::atomic<std::size_t> bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  const int transfers = absl::GetFlag(FLAGS_transfers);
  const int threads = absl::GetFlag(FLAGS_threads);
  if (rest.size() != 4 || transfers < 0 || threads < 0) {
    std::fputs("usage: fetch_all HOST PORT PATH [--transfers=N] [--threads=N]\n", stderr);
    return 2;
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);  // before there are threads
  umcg::Runtime rt({.servers = 2});
  Fetches fetches(rest[1], rest[2], rest[3], transfers);
  const Clock::time_point start = Clock::now();
  threads > 0 ? fetches.on_threads(threads) : fetches.on_fibers(rt);
  const bool all_came = fetches.report(Clock::now() - start);
  curl_global_cleanup();
  return all_came ? 0 : 1;
}
