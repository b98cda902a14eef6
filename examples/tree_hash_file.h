// SPDX-License-Identifier: Apache-2.0
// tree_hash_file.h - the half of tree_hash that knows nothing of fibers: SHA-256 of one file by
// plain, blocking system calls.
#ifndef UMCG_EXAMPLES_TREE_HASH_FILE_H_
#define UMCG_EXAMPLES_TREE_HASH_FILE_H_

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace tree_hash {

struct Job {
  std::string path;
  std::string hex;    // empty until hashed
  std::string error;  // why it was not
};

// Counted up while the files are read.
struct Progress {
  std::atomic<std::uint64_t> files{0};
  std::atomic<std::uint64_t> bytes{0};
};

inline std::string reason(int error) { return std::generic_category().message(error); }

struct Closer {
  int fd;
  ~Closer() { ::close(fd); }
};

using Digest = std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

inline bool same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

inline std::string to_hex(const unsigned char* bytes, unsigned size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += kDigits[bytes[i] >> 4];
    hex += kDigits[bytes[i] & 15];
  }
  return hex;
}

// Returns what went wrong, or nothing.
inline std::string hash_file(Job& job, const EVP_MD* digest, Progress& progress) {
  // The path may have become something else since it was found: O_NOFOLLOW refuses a link, and
  // O_NONBLOCK, which means nothing to a regular file, does not wait for the writer of a fifo.
  const int fd = ::open(job.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return reason(errno);
  Closer closer{fd};
  struct stat before;
  if (::fstat(fd, &before) != 0) return reason(errno);
  if (!S_ISREG(before.st_mode)) return "is no longer a regular file";

  Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), digest, nullptr) != 1) return "OpenSSL failed";
  unsigned char buffer[64 * 1024];  // a small file touches but the pages that it fills
  // Files of /proc and the like say that they are empty and are not: their size proves nothing.
  const auto size = static_cast<std::uint64_t>(before.st_size);
  std::uint64_t total = 0;
  while (size == 0 || total <= size) {  // beyond it, a growing file could keep us for ever
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return reason(errno);
    if (n == 0) break;
    if (EVP_DigestUpdate(context.get(), buffer, static_cast<std::size_t>(n)) != 1) {
      return "OpenSSL failed";
    }
    total += static_cast<std::uint64_t>(n);
    progress.bytes.fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
  }

  struct stat after;
  if (::fstat(fd, &after) != 0) return reason(errno);
  if (after.st_nlink == 0) return "was removed while it was read";
  if (before.st_size != after.st_size || !same(before.st_mtim, after.st_mtim) ||
      (size != 0 && total != size)) {
    return "changed while it was read";
  }
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned sum_size = 0;
  if (EVP_DigestFinal_ex(context.get(), sum, &sum_size) != 1) return "OpenSSL failed";
  job.hex = to_hex(sum, sum_size);
  return {};
}

}  // namespace tree_hash

#endif  // UMCG_EXAMPLES_TREE_HASH_FILE_H_
