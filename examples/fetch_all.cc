// SPDX-License-Identifier: Apache-2.0
// fetch_all.cc - getaddrinfo and libcurl's easy interface, as they are: each transfer is a fiber.
//
//     fetch_all HOST PORT PATH [--transfers=64]
//
// All transfers wait at once, on two servers. Exit status: 0 all came; 1 some did not, each with
// its error; 2 wrong usage.
#include <curl/curl.h>
#include <netdb.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "umcg/runtime.h"

ABSL_FLAG(int, transfers, 64, "how many, all at once");

namespace {

void resolve(const std::string& host, const std::string& port) {
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), nullptr, &found);
  if (error != 0) throw std::runtime_error(host + ": " + gai_strerror(error));
  freeaddrinfo(found);
}

std::string fetch(std::stop_token stop, std::string host, std::string port, std::string path) {
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

int run(const char* host, const char* port, const char* path, int transfers) {
  umcg::Runtime rt({.servers = 2});
  std::vector<umcg::Fiber<std::string>> fibers;
  for (int i = 0; i < transfers; ++i) fibers.push_back(rt.spawn(fetch, host, port, path));
  int came = 0;
  std::size_t bytes = 0;
  for (auto& fiber : fibers) {
    try {
      bytes += fiber.join().size();
      ++came;
    } catch (const std::exception& e) {
      std::fprintf(stderr, "fetch_all: %s\n", e.what());
    }
  }
  std::printf("%d of %d transfers, %zu bytes\n", came, transfers, bytes);
  return came == transfers ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  const int transfers = absl::GetFlag(FLAGS_transfers);
  if (rest.size() != 4 || transfers < 0) {
    std::fputs("usage: fetch_all HOST PORT PATH [--transfers=N]\n", stderr);
    return 2;
  }
  curl_global_init(CURL_GLOBAL_DEFAULT);  // before there are threads
  const int status = run(rest[1], rest[2], rest[3], transfers);
  curl_global_cleanup();
  return status;
}
