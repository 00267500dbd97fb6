// Runs one program of the user's and tells what it used. Between the keeper and the program,
// because the kernel's account of a process (ru_maxrss) begins with the peak of whoever started it:
// the driver is larger than many programs, while this is a static program of a few hundred KiB.
//
// usage: stackheap-launcher time|prove RESULT-FD OUTPUT-FD INPUT PRELOAD FILE ARGUMENT-0
// [ARGUMENT...] OUTPUT-FD -1: /dev/null. PRELOAD empty: none. `time` leaves the program alone;
// `prove` traces it and its children and tells, at the end of each process, which executable files
// it has mapped. Tracing costs time, so nothing is timed then. The report, a line for each fact,
// goes to RESULT-FD:
//   wall_ns, user_us, system_us, peak_kib, own_kib, minor_faults, major_faults, voluntary_switches,
//   involuntary_switches NUMBER; exit CODE or signal NUMBER; exec_errno or ptrace_errno NUMBER;
//   process FILE, then its map FILE lines
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

int g_result = -1;

[[gnu::format(printf, 1, 2)]] void tell(const char* format, ...) {
  char line[8192];
  va_list arguments;
  va_start(arguments, format);
  const int wanted = std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  const auto size = static_cast<std::size_t>(wanted) < sizeof line
                        ? static_cast<std::size_t>(wanted)
                        : sizeof line - 1;
  for (std::size_t done = 0; done < size;) {
    const ssize_t written = ::write(g_result, line + done, size - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    done += static_cast<std::size_t>(written);
  }
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::int64_t microseconds(const timeval& time) {
  return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec;
}

// The number after `key` in a file of /proc; -1 where it is not there.
long proc_number(const char* path, const char* key) {
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return -1;
  char line[512];
  long value = -1;
  while (value < 0 && std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, key, std::strlen(key)) == 0) {
      value = std::strtol(line + std::strlen(key), nullptr, 10);
    }
  }
  std::fclose(file);
  return value;
}

struct Command {
  int output = -1;
  const char* input = nullptr;
  const char* preload = nullptr;
  const char* file = nullptr;
  char** arguments = nullptr;
};

// In the new process; `gate` (or -1) is read before anything else.
[[noreturn]] void become(const Command& command, int gate) {
  char go = 0;
  if (gate >= 0 && ::read(gate, &go, 1) != 1) ::_exit(127);
  const int input = ::open(command.input, O_RDONLY);
  const int output = command.output >= 0 ? command.output : ::open("/dev/null", O_WRONLY);
  if (input >= 0 && output >= 0 && ::dup2(input, STDIN_FILENO) >= 0 &&
      ::dup2(output, STDOUT_FILENO) >= 0) {
    if (input > STDERR_FILENO) ::close(input);
    if (output > STDERR_FILENO) ::close(output);
    if (*command.preload != '\0') ::setenv("LD_PRELOAD", command.preload, 1);
    ::execv(command.file, command.arguments);
  }
  tell("exec_errno %d\n", errno);
  ::_exit(127);
}

void tell_end(int status) {
  if (WIFSIGNALED(status)) {
    tell("signal %d\n", WTERMSIG(status));
  } else {
    tell("exit %d\n", WEXITSTATUS(status));
  }
}

int run_timed(const Command& command) {
  const std::int64_t begin = now_ns();
  const pid_t child = ::fork();
  if (child == 0) become(command, -1);
  if (child < 0) return 1;
  int status = 0;
  rusage used{};
  while (::wait4(child, &status, 0, &used) < 0) {
    if (errno != EINTR) return 1;
  }
  tell("wall_ns %lld\n", static_cast<long long>(now_ns() - begin));
  tell("user_us %lld\n", static_cast<long long>(microseconds(used.ru_utime)));
  tell("system_us %lld\n", static_cast<long long>(microseconds(used.ru_stime)));
  tell("peak_kib %ld\nown_kib %ld\n", used.ru_maxrss, proc_number("/proc/self/status", "VmHWM:"));
  tell("minor_faults %ld\nmajor_faults %ld\n", used.ru_minflt, used.ru_majflt);
  tell("voluntary_switches %ld\ninvoluntary_switches %ld\n", used.ru_nvcsw, used.ru_nivcsw);
  tell_end(status);
  return 0;
}

// A process that is about to end: its file, and what it has mapped to execute.
void tell_mappings(pid_t thread) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/status", thread);
  if (proc_number(path, "Tgid:") != thread) return;
  std::snprintf(path, sizeof path, "/proc/%d/exe", thread);
  char file[4096];
  const ssize_t size = ::readlink(path, file, sizeof file - 1);
  if (size <= 0) return;
  file[size] = '\0';
  tell("process %s\n", file);
  std::snprintf(path, sizeof path, "/proc/%d/maps", thread);
  std::FILE* maps = std::fopen(path, "re");
  if (maps == nullptr) return;
  char line[4096 + 256];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    const char* flags = std::strchr(line, ' ');
    const char* name = std::strchr(line, '/');
    if (flags == nullptr || name == nullptr || flags[3] != 'x') continue;
    tell("map %s", name);  // ends its line itself
  }
  std::fclose(maps);
}

int run_traced(const Command& command) {
  int gate[2];
  if (::pipe2(gate, O_CLOEXEC) != 0) return 1;
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(gate[1]);
    become(command, gate[0]);
  }
  if (child < 0) return 1;
  constexpr long kOptions = PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                            PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
  if (::ptrace(PTRACE_SEIZE, child, nullptr, kOptions) != 0) {
    tell("ptrace_errno %d\n", errno);
    ::kill(child, SIGKILL);
    return 0;
  }
  if (::write(gate[1], "g", 1) != 1) return 1;
  for (;;) {
    int status = 0;
    const pid_t thread = ::waitpid(-1, &status, __WALL);
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0) return 1;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (thread != child) continue;
      tell_end(status);
      return 0;
    }
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (event == PTRACE_EVENT_EXIT) tell_mappings(thread);
    // ptrace(2), "Group-stop": a process that a signal stopped stays stopped under PTRACE_LISTEN.
    const bool stopped = event == PTRACE_EVENT_STOP && (signal == SIGSTOP || signal == SIGTSTP ||
                                                        signal == SIGTTIN || signal == SIGTTOU);
    const long delivered = event == 0 ? signal : 0;
    ::ptrace(stopped ? PTRACE_LISTEN : PTRACE_CONT, thread, nullptr, delivered);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 8) {
    std::fprintf(stderr, "stackheap-launcher: started by `stackheap exec`, not by hand\n");
    return 2;
  }
  g_result = std::atoi(argv[2]);
  ::fcntl(g_result, F_SETFD, FD_CLOEXEC);
  const Command command{.output = std::atoi(argv[3]),
                        .input = argv[4],
                        .preload = argv[5],
                        .file = argv[6],
                        .arguments = argv + 7};
  return std::strcmp(argv[1], "prove") == 0 ? run_traced(command) : run_timed(command);
}
