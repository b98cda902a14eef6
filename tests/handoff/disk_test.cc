// SPDX-License-Identifier: Apache-2.0
// Waits for a disk: fsync, reads and page faults of a cold file. They end by themselves, so they
// are repeated until the next fiber of the same server has run during one of them.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <atomic>
#include <cstddef>
#include <string>

#include "handoff/blocked_call.h"
#include "support/temp_file.h"
#include "umcg/this_fiber.h"

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 16;

char content(std::size_t page) { return static_cast<char>('a' + page % 26); }

class DiskCall : public umcg_test::BlockedCall {
 protected:
  void write_all() const {
    for (std::size_t i = 0; i < kPages; ++i) {
      const std::string page(kPage, content(i));
      ASSERT_EQ(::pwrite(file_.fd(), page.data(), kPage, offset(i)), static_cast<ssize_t>(kPage));
    }
  }
  void make_cold() const {
    ASSERT_EQ(::fsync(file_.fd()), 0);  // only clean pages can be dropped
    ASSERT_EQ(::posix_fadvise(file_.fd(), 0, 0, POSIX_FADV_DONTNEED), 0);
    ASSERT_EQ(::posix_fadvise(file_.fd(), 0, 0, POSIX_FADV_RANDOM), 0);  // page by page
  }
  static off_t offset(std::size_t page) { return static_cast<off_t>(page * kPage); }

  // prepare() may block too; what counts is call().
  template <class Prepare, class Call>
  void run_until_noticed(Prepare prepare, Call call) {
    if (!blocks(prepare, call)) GTEST_SKIP() << "the file system here does not wait for a disk";
    std::atomic<bool> inside{false};
    std::atomic<bool> noticed{false};
    run(
        [&] {
          while (!noticed) {
            prepare();
            inside = true;
            call();
            inside = false;
          }
        },
        [&] {
          while (!inside) umcg::this_fiber::yield();
          noticed = true;
        });
  }

  umcg_test::TempFile file_;

 private:
  static long blocks_of_this_thread() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
  }
  template <class Prepare, class Call>
  static bool blocks(Prepare prepare, Call call) {
    constexpr int kCalls = 3;
    int blocked = 0;
    for (int i = 0; i < kCalls; ++i) {
      prepare();
      const long before = blocks_of_this_thread();
      call();
      if (blocks_of_this_thread() != before) ++blocked;
    }
    return blocked == kCalls;
  }
};

TEST_P(DiskCall, Fsync) {
  run_until_noticed([&] { write_all(); }, [&] { EXPECT_EQ(::fsync(file_.fd()), 0); });
}

TEST_P(DiskCall, ColdRead) {
  write_all();
  run_until_noticed([&] { make_cold(); },
                    [&] {
                      for (std::size_t i = 0; i < kPages; ++i) {
                        char byte = 0;
                        EXPECT_EQ(::pread(file_.fd(), &byte, 1, offset(i)), 1);
                        EXPECT_EQ(byte, content(i));
                      }
                    });
}

TEST_P(DiskCall, PageFault) {
  write_all();
  run_until_noticed([&] { make_cold(); },
                    [&] {
                      void* const memory =
                          ::mmap(nullptr, kPages * kPage, PROT_READ, MAP_SHARED, file_.fd(), 0);
                      ASSERT_NE(memory, MAP_FAILED);
                      ::madvise(memory, kPages * kPage, MADV_RANDOM);
                      const volatile char* const bytes = static_cast<const char*>(memory);
                      for (std::size_t i = 0; i < kPages; ++i)
                        EXPECT_EQ(bytes[i * kPage], content(i));
                      ::munmap(memory, kPages * kPage);
                    });
}

UMCG_INSTANTIATE_HANDOFFS_AND_OFF(DiskCall);

}  // namespace
