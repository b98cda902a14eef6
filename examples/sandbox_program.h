// SPDX-License-Identifier: Apache-2.0
// sandbox_program.h - starts a program whose opens are reported, and answers the reports.
//
// The program is any program: between fork and exec a seccomp filter is put on it, which it cannot
// take off, nor can what it starts. From then on each open(2) and openat(2) stops in the kernel
// until the holder of the filter's *listener* says what becomes of it. Ways to open that could not
// be answered so are refused by the filter, as if the kernel were too old for them.
#ifndef UMCG_EXAMPLES_SANDBOX_PROGRAM_H_
#define UMCG_EXAMPLES_SANDBOX_PROGRAM_H_

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>

namespace sandbox {

// One open(2) that waits for an answer.
struct Report {
  seccomp_notif raw{};

  bool is_openat() const { return raw.data.nr == SYS_openat; }
  int directory() const { return is_openat() ? static_cast<int>(raw.data.args[0]) : AT_FDCWD; }
  unsigned long path() const { return raw.data.args[is_openat() ? 1 : 0]; }
  int flags() const { return static_cast<int>(raw.data.args[is_openat() ? 2 : 1]); }
};

class Program {
 public:
  // argv ends with a null pointer. Throws std::system_error: the kernel, or who runs us, does not
  // let a process be supervised.
  explicit Program(char** argv) {
    seccomp_notif_sizes sizes{};
    check(static_cast<int>(syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes)), "seccomp");
    if (sizes.seccomp_notif > sizeof(seccomp_notif)) {
      throw std::system_error(E2BIG, std::generic_category(), "the kernel's reports are newer");
    }
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
    pid_ = fork();
    if (pid_ == 0) {
      close(ends[0]);  // so that it hears of our end
      become(argv, ends[1]);
    }
    check(pid_, "fork");
    close(ends[1]);
    take_listener(ends[0]);
  }
  ~Program() { close(listener_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Blocks in the kernel. Nothing: all its processes have ended.
  std::optional<Report> next() const {
    for (;;) {
      pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
      if (poll(&waiting, 1, -1) < 0) continue;
      if ((waiting.revents & POLLIN) == 0) return std::nullopt;
      Report report;
      // It may have been killed meanwhile.
      if (ioctl(listener_, SECCOMP_IOCTL_NOTIF_RECV, &report.raw) == 0) return report;
    }
  }

  // The absolute path that it asks for. Throws std::system_error, with what open(2) shall fail
  // with.
  std::string path_of(const Report& report) const {
    const std::string process = "/proc/" + std::to_string(report.raw.pid);
    std::array<char, PATH_MAX> bytes{};
    const int memory = open((process + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
    const ssize_t n = pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(report.path()));
    close(memory);
    // Only now it is known that the number in /proc was the right process all the time.
    check(ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &report.raw.id), "it has ended");
    if (n <= 0) throw std::system_error(EFAULT, std::generic_category());
    const std::string path(bytes.data(), strnlen(bytes.data(), static_cast<std::size_t>(n)));
    if (path.empty()) throw std::system_error(ENOENT, std::generic_category());
    if (path.size() == bytes.size()) throw std::system_error(ENAMETOOLONG, std::generic_category());
    if (path[0] == '/') return path;
    const std::string base =
        report.directory() == AT_FDCWD ? "/cwd" : "/fd/" + std::to_string(report.directory());
    const ssize_t length = readlink((process + base).c_str(), bytes.data(), bytes.size());
    if (length < 0) throw std::system_error(EBADF, std::generic_category());
    return std::string(bytes.data(), static_cast<std::size_t>(length)) + "/" + path;
  }

  // Opens a path that has no links: one that has got one meanwhile is refused.
  void answer_by_opening(const Report& report, const std::string& path) const {
    open_how how{};
    how.flags = static_cast<unsigned>(report.flags()) | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const int fd = static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how));
    if (fd < 0) return answer_by_failing(report, errno == ELOOP ? EACCES : errno);
    seccomp_notif_addfd give{};
    give.id = report.raw.id;
    give.flags = SECCOMP_ADDFD_FLAG_SEND;
    give.srcfd = static_cast<unsigned>(fd);
    give.newfd_flags = static_cast<unsigned>(report.flags()) & O_CLOEXEC;
    const bool given = ioctl(listener_, SECCOMP_IOCTL_NOTIF_ADDFD, &give) >= 0;
    const int error = errno;
    close(fd);
    if (!given) answer_by_failing(report, error);  // it has too many descriptors
  }

  void answer_by_failing(const Report& report, int error) const {
    seccomp_notif_resp response{};
    response.id = report.raw.id;
    response.error = -error;
    (void)ioctl(listener_, SECCOMP_IOCTL_NOTIF_SEND, &response);  // or it has ended
  }

  // As a shell would say it.
  int exit_status() const {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  static void check(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  }

  // What the child does. It says which descriptor is the listener, and waits until that is taken.
  [[noreturn]] static void become(char** argv, int parent) {
    const int listener = filter_opens();
    char byte = 0;
    if (write(parent, &listener, sizeof listener) != sizeof listener || listener < 0 ||
        read(parent, &byte, 1) != 1) {
      _exit(125);
    }
    execvp(argv[0], argv);
    std::perror(argv[0]);
    _exit(127);
  }

  void take_listener(int child) {
    int number = -1;
    const bool told = read(child, &number, sizeof number) == sizeof number;
    if (told && number >= 0) {
      const auto process = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
      listener_ = static_cast<int>(syscall(SYS_pidfd_getfd, process, number, 0));
      close(process);
    }
    const int error = told && number < 0 ? -number : errno;
    if (listener_ >= 0 && write(child, "", 1) == 1) {
      close(child);
      return;
    }
    close(child);
    (void)exit_status();
    throw std::system_error(error, std::generic_category(), "a process cannot be supervised");
  }

  // The listener, or -errno.
  static int filter_opens() {
#if defined(__x86_64__)
    constexpr unsigned kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    constexpr unsigned kArch = AUDIT_ARCH_AARCH64;
#endif
    constexpr unsigned kAllow = SECCOMP_RET_ALLOW;
    constexpr unsigned kReport = SECCOMP_RET_USER_NOTIF;
    constexpr unsigned kTooOld = SECCOMP_RET_ERRNO | ENOSYS;
    // Each pair: if the number is ..., then ...
    sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArch, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
#if defined(__x86_64__)
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),  // the ABI x32
      BPF_STMT(BPF_RET | BPF_K, kTooOld),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_creat, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kTooOld),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kReport),
#endif
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kTooOld),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open_by_handle_at, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kTooOld),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kTooOld),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kReport),
      BPF_STMT(BPF_RET | BPF_K, kAllow),
    };
    const sock_fprog filter{static_cast<unsigned short>(std::size(code)), code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
    const long listener =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    return listener < 0 ? -errno : static_cast<int>(listener);
  }

  pid_t pid_ = -1;
  int listener_ = -1;
};

}  // namespace sandbox

#endif  // UMCG_EXAMPLES_SANDBOX_PROGRAM_H_
