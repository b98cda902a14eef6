// SPDX-License-Identifier: Apache-2.0
// getaddrinfo with a name server that answers when it gets to run: it is the next fiber of the same
// server.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <resolv.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "handoff/blocked_call.h"
#include "umcg/this_fiber.h"

namespace {

using namespace std::chrono_literals;
using Packet = std::vector<unsigned char>;

constexpr std::size_t kHeader = 12;

// The query with one A record appended: 192.0.2.7.
Packet answer_to(Packet query) {
  // The end of the question: the name, label by label, then its type and class.
  std::size_t end = kHeader;
  while (end < query.size() && query[end] != 0) end += query[end] + 1u;
  query.resize(end + 5);
  query[2] |= 0x80;  // a response
  query[3] = 0x80;   // recursion available, no error
  query[7] = 1;      // one answer
  for (std::size_t i = 8; i < kHeader; ++i) query[i] = 0;
  const Packet record{0xc0, kHeader, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7};
  query.insert(query.end(), record.begin(), record.end());
  return query;
}

class NameServer {
 public:
  NameServer() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address_), size), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size), 0);
  }
  ~NameServer() { ::close(socket_); }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

  const sockaddr_in& address() const { return address_; }

  void answer_until(const std::atomic<bool>& over) const {
    while (!over) {
      Packet query(512);
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t n = ::recvfrom(socket_, query.data(), query.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &size);
      if (n <= static_cast<ssize_t>(kHeader)) {
        umcg::this_fiber::sleep_for(1ms);
        continue;
      }
      query.resize(static_cast<std::size_t>(n));
      const Packet answer = answer_to(std::move(query));
      EXPECT_EQ(::sendto(socket_, answer.data(), answer.size(), 0,
                         reinterpret_cast<sockaddr*>(&from), size),
                static_cast<ssize_t>(answer.size()));
    }
  }

 private:
  const int socket_;
  sockaddr_in address_{};
};

// Makes this thread's resolver ask that server and no other, and be patient.
void use(const NameServer& server) {
  ASSERT_EQ(::res_init(), 0);
  _res.nscount = 1;
  _res.nsaddr_list[0] = server.address();
  _res.retrans = 20;
  _res.retry = 5;
  _res.options &= ~static_cast<unsigned long>(RES_DNSRCH | RES_DEFNAMES);
}

std::string look_up(const char* name) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(name, nullptr, &hints, &found);
  if (error != 0) return ::gai_strerror(error);
  char text[INET_ADDRSTRLEN];
  ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr, text,
              sizeof text);
  ::freeaddrinfo(found);
  return text;
}

using Resolver = umcg_test::BlockedCall;

TEST_P(Resolver, GetaddrinfoWithALateAnswer) {
  if (::__nss_configure_lookup("hosts", "dns") != 0) GTEST_SKIP() << "no libnss_dns";
  const NameServer server;
  std::atomic<bool> over{false};
  run(
      [&] {
        use(server);
        EXPECT_EQ(look_up("late.example"), "192.0.2.7");
        over = true;
      },
      [&] { server.answer_until(over); });
}

UMCG_INSTANTIATE_HANDOFFS_AND_OFF(Resolver);

}  // namespace
