#include "harness/worker/check_child.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/measure/cpu_time.hpp"
#include "harness/measure/schedstat.hpp"
#include "harness/measure/thread_state.hpp"
#include "harness/worker/check_crash.hpp"

namespace stackheap {
namespace {

[[noreturn]] void be_child(int output, int (*body)(void*), void* context) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  forget_crashes();
  if (::dup2(output, STDERR_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0) ::_exit(120);
  ::_exit(body(context));
}

// A wait for a CPU that has not ended is in no schedstat: a child that is not asleep spent on it
// all that it did not run.
double waited_seconds_of(pid_t child, double passed_seconds) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/schedstat", static_cast<int>(child));
  const Schedstat file(path);
  const double queued = file ? static_cast<double>(file.run_queue_ns().value_or(0)) * 1e-9 : 0;
  if (state_of_process(child).value_or('S') == 'S') return queued;
  const std::optional<std::uint64_t> used = cpu_ns_of_process(child);
  return used ? passed_seconds - static_cast<double>(*used) * 1e-9 : queued;
}

// Keeps the last line that says something.
class LastLine {
 public:
  explicit LastLine(std::span<char> place) : place_(place) {}
  void read(std::span<const char> text) {
    for (const char c : text) {
      if (c == '\n') {
        ended_ = true;
        continue;
      }
      if (ended_) size_ = 0;
      ended_ = false;
      if (size_ + 1 < place_.size()) place_[size_++] = c;
    }
    place_[size_] = '\0';
  }

 private:
  std::span<char> place_;
  std::size_t size_ = 0;
  bool ended_ = false;
};

}  // namespace

ChildEnd in_child(double deadline_seconds, int (*body)(void*), void* context) {
  Pipe pipe = make_pipe();
  const std::uint64_t started = monotonic_ns();
  const pid_t child = ::fork();
  if (child < 0) throw_errno("fork");
  if (child == 0) be_child(pipe.write.get(), body, context);
  pipe.write.reset();
  ChildEnd end;
  LastLine line(end.message);
  for (;;) {
    const double left = deadline_seconds - static_cast<double>(monotonic_ns() - started) * 1e-9;
    if (left <= 0) {
      end.kind = ChildEnd::Kind::kTimeout;
      end.waited_seconds = waited_seconds_of(child, deadline_seconds - left);
      STACKHEAP_CHECK(::kill(child, SIGKILL) == 0);
      break;
    }
    pollfd wait{pipe.read.get(), POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left * 1e3) + 1);
    if (ready < 0 && errno != EINTR) throw_errno("poll");
    if (ready <= 0) continue;
    char text[512];
    const ssize_t got = ::read(pipe.read.get(), text, sizeof text);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // it has ended: it alone holds the other end
    line.read(std::span(text, static_cast<std::size_t>(got)));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw_errno("waitpid");
  }
  end.seconds = static_cast<double>(monotonic_ns() - started) * 1e-9;
  if (end.kind == ChildEnd::Kind::kTimeout) return end;
  end.kind = WIFSIGNALED(status) ? ChildEnd::Kind::kSignalled : ChildEnd::Kind::kExited;
  end.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  return end;
}

ChildEndText end_text(const ChildEnd& end) {
  ChildEndText result{};
  switch (end.kind) {
    case ChildEnd::Kind::kExited:
      std::snprintf(result.text, sizeof result.text, "exit code %d", end.code);
      break;
    case ChildEnd::Kind::kSignalled:
      std::snprintf(result.text, sizeof result.text, "SIG%s", sigabbrev_np(end.code));
      break;
    case ChildEnd::Kind::kTimeout:
      std::snprintf(result.text, sizeof result.text, "no end within %d ms",
                    static_cast<int>(end.seconds * 1e3));
      break;
  }
  return result;
}

}  // namespace stackheap
