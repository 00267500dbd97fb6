#include "harness/driver/keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kGraceNs = 1'000 * kMillisecond;     // between SIGTERM and SIGKILL
constexpr std::uint64_t kMemoryPollNs = 100 * kMillisecond;  // a look costs some 10 us
constexpr std::uint64_t kReapGiveUpNs = 10'000 * kMillisecond;
constexpr int kExecFailed = 127;

void send(int fd, const KeeperMessage& message) {
  // A message is far below PIPE_BUF, so it is written whole or the driver is gone.
  [[maybe_unused]] const auto written = ::write(fd, &message, sizeof message);
}

// Processes whose parent this process is, by its own entry in /proc.
std::vector<pid_t> children() {
  std::vector<pid_t> pids;
  const auto text = try_read_file("/proc/thread-self/children");
  if (!text) return pids;
  const char* at = text->data();
  const char* end = at + text->size();
  while (at != end) {
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(at, end, pid);
    if (error == std::errc()) pids.push_back(pid);
    at = std::find_if(next, end, [](char c) { return c >= '0' && c <= '9'; });
    if (next == at && error != std::errc()) break;
  }
  return pids;
}

// Ends and reaps every child until none is left; each killed parent hands its own children up.
void end_all_descendants() {
  const std::uint64_t give_up = monotonic_ns() + kReapGiveUpNs;
  while (monotonic_ns() < give_up) {
    for (const pid_t pid : children()) ::kill(pid, SIGKILL);
    const pid_t reaped = ::waitpid(-1, nullptr, WNOHANG);
    if (reaped < 0 && errno == ECHILD) return;
    if (reaped == 0) ::poll(nullptr, 0, 1);
  }
}

std::uint64_t resident_bytes(pid_t pid) {
  const auto statm = try_read_file("/proc/" + std::to_string(pid) + "/statm");
  if (!statm) return 0;
  const auto blank = statm->find(' ');
  std::uint64_t pages = 0;
  if (blank == std::string::npos) return 0;
  std::from_chars(statm->data() + blank + 1, statm->data() + statm->size(), pages);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// In the worker-to-be; returns only as errno.
int exec_worker(const ProcessRequest& request, const KeeperDescriptors& descriptors, pid_t keeper) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != keeper) return ESRCH;
  ::setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // What is ignored stays so over exec, and a worker should meet its signals as anyone does.
  for (const int signal : {SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_DFL);
  {
    // The kernel's out-of-memory killer should take the worker before anything else.
    const UniqueFd score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (score) [[maybe_unused]]
      const auto written = ::write(score.get(), "1000", 4);
  }
  const int null = ::open("/dev/null", O_RDONLY);
  if (null < 0 || ::dup2(null, STDIN_FILENO) < 0 || ::dup2(descriptors.log, STDOUT_FILENO) < 0 ||
      ::dup2(descriptors.log, STDERR_FILENO) < 0) {
    return errno;
  }
  if (null > STDERR_FILENO) ::close(null);
  for (const int fd : request.inherited) {
    if (::fcntl(fd, F_SETFD, 0) != 0) return errno;
  }
  std::vector<std::string> arguments = request.arguments;
  if (descriptors.result >= 0) {
    if (::fcntl(descriptors.result, F_SETFD, 0) != 0) return errno;
    std::replace(arguments.begin(), arguments.end(), std::string(kResultFdPlaceholder),
                 std::to_string(descriptors.result));
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::vector<std::string> environment = request.environment;
  std::vector<char*> envp;
  for (std::string& entry : environment) envp.push_back(entry.data());
  envp.push_back(nullptr);
  ::execve(argv[0], argv.data(), envp.data());
  return errno;
}

struct Watch {
  pid_t worker = -1;
  std::uint64_t deadline_ns = 0;
  std::uint64_t memory_ceiling_bytes = 0;
};

// Waits for the worker's own end; what happens to it on the way there is decided here.
KeeperMessage watch(const Watch& given, int control, int signals) {
  KeeperMessage message;
  message.kind = KeeperMessage::Kind::kEnded;
  message.pid = given.worker;
  bool ended_by_us = false;
  std::uint64_t kill_at = 0;  // when SIGKILL follows a SIGTERM; 0: none was sent
  for (;;) {
    int status = 0;
    const pid_t reaped = ::waitpid(-1, &status, WNOHANG);
    if (reaped == given.worker) {
      if (!ended_by_us) {
        message.end = WIFSIGNALED(status) ? ProcessEnd::kSignalled : ProcessEnd::kExited;
        message.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
      }
      return message;
    }
    if (reaped > 0) continue;

    const std::uint64_t now = monotonic_ns();
    if (!ended_by_us && now >= given.deadline_ns) {
      ended_by_us = true;
      message.end = ProcessEnd::kTimeout;
      ::kill(-given.worker, SIGTERM);
      kill_at = now + kGraceNs;
    }
    if (!ended_by_us && given.memory_ceiling_bytes != 0 &&
        resident_bytes(given.worker) > given.memory_ceiling_bytes) {
      ended_by_us = true;
      message.end = ProcessEnd::kMemory;
      ::kill(given.worker, SIGKILL);
    }
    if (kill_at != 0 && now >= kill_at) ::kill(given.worker, SIGKILL);

    std::uint64_t wake_at =
        kill_at != 0 ? std::max(kill_at, now + kMillisecond) : given.deadline_ns;
    if (given.memory_ceiling_bytes != 0) wake_at = std::min(wake_at, now + kMemoryPollNs);
    std::array<pollfd, 2> waits{{{control, POLLIN, 0}, {signals, POLLIN, 0}}};
    const auto wait_ms = static_cast<int>(
        std::min<std::uint64_t>((wake_at > now ? wake_at - now : 0) / kMillisecond + 1, 3'600'000));
    if (::poll(waits.data(), waits.size(), wait_ms) < 0 && errno != EINTR) STACKHEAP_CHECK(false);
    if (waits[1].revents != 0) {
      signalfd_siginfo info;
      [[maybe_unused]] const auto got = ::read(signals, &info, sizeof info);
    }
    if (waits[0].revents != 0 && !ended_by_us) {
      ended_by_us = true;
      message.end = ProcessEnd::kInterrupted;
      ::kill(given.worker, SIGKILL);
      kill_at = now;
    }
  }
}

}  // namespace

void keep(const ProcessRequest& request, const KeeperDescriptors& descriptors) {
  ::prctl(PR_SET_NAME, "stackheap-keep");
  // A terminal's interrupt is for the driver, which then closes the control pipe.
  ::setpgid(0, 0);
  ::signal(SIGPIPE, SIG_IGN);
  STACKHEAP_CHECK(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  sigset_t child_ended;
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  STACKHEAP_CHECK(::sigprocmask(SIG_BLOCK, &child_ended, nullptr) == 0);
  const UniqueFd signals(::signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK));
  STACKHEAP_CHECK(static_cast<bool>(signals));

  // exec's errno comes back through a pipe that a successful exec closes.
  Pipe exec_error = make_pipe();
  const pid_t keeper = ::getpid();
  const pid_t worker = ::fork();
  if (worker == 0) {
    const int error = exec_worker(request, descriptors, keeper);
    [[maybe_unused]] const auto written = ::write(exec_error.write.get(), &error, sizeof error);
    ::_exit(kExecFailed);
  }
  KeeperMessage started;
  started.pid = worker;
  int error = worker < 0 ? errno : 0;
  exec_error.write.reset();
  if (worker > 0 && ::read(exec_error.read.get(), &error, sizeof error) != sizeof error) error = 0;
  // The pipes must end with the worker, not with the keeper.
  ::close(descriptors.log);
  if (descriptors.result >= 0) ::close(descriptors.result);
  if (error != 0) {
    started.end = ProcessEnd::kNotStarted;
    started.code = error;
    started.kind = KeeperMessage::Kind::kEnded;
    send(descriptors.status, started);
    end_all_descendants();
    ::_exit(0);
  }
  send(descriptors.status, started);

  const auto deadline = static_cast<std::uint64_t>(request.deadline_seconds * 1e9);
  const KeeperMessage ended =
      watch({worker, monotonic_ns() + deadline, request.memory_ceiling_bytes}, descriptors.control,
            signals.get());
  end_all_descendants();
  send(descriptors.status, ended);
  ::_exit(0);
}

}  // namespace stackheap
