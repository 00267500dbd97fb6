// Runs one child process to its end, whatever it does: a deadline, a memory ceiling, capped output,
// and no descendant left behind. posix_spawn and waitpid alone cannot promise the last, because
// PR_SET_PDEATHSIG reaches only the child itself; so a keeper stands between (keeper.hpp).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace stackheap {

struct ProcessRequest {
  std::vector<std::string> arguments;    // [0] is the program's path; no shell, no PATH search
  std::vector<std::string> environment;  // complete, "NAME=value"
  std::vector<int> inherited;            // descriptors kept open in the child at their numbers
  double deadline_seconds = 60;
  std::uint64_t memory_ceiling_bytes = 0;  // resident; 0: none
  // The child finds its number in the argument that is exactly kResultFdPlaceholder.
  bool wants_result = true;
};
inline constexpr const char* kResultFdPlaceholder = "{result-fd}";

enum class ProcessEnd {
  kExited,       // `code` is the exit code
  kSignalled,    // `code` is the signal
  kTimeout,      // ended by us at the deadline
  kMemory,       // ended by us at the memory ceiling
  kInterrupted,  // ended by us because the driver was asked to stop
  kNotStarted,   // exec failed; `code` is errno
};

struct ProcessOutcome {
  ProcessEnd end = ProcessEnd::kExited;
  int code = 0;
  std::string result;  // what it wrote to the result descriptor
  bool result_too_large = false;
  std::string log;              // the last 64 KiB of its stdout and stderr
  std::uint64_t log_bytes = 0;  // all it wrote there
  double seconds = 0;           // from fork to the end of the last descendant
};

inline constexpr std::size_t kLargestResultBytes = std::size_t{32} << 20U;
inline constexpr std::size_t kLargestLogBytes = std::size_t{64} << 10U;

// Throws std::system_error where the machine cannot even start a keeper. `interrupt_fd` (or -1)
// becoming readable ends the child; nothing is read from it. `on_tick`, if set, is called with the
// child's process id as soon as it runs, then every `tick_ms` (above 0) from there, and once when
// its result begins to arrive.
struct SuperviseHooks {
  int interrupt_fd = -1;
  std::function<void(pid_t)> on_tick{};
  unsigned tick_ms = 1;
  // Called once for each child, by its number, when it and all its descendants have ended.
  std::function<void(std::size_t)> on_end{};
};
ProcessOutcome supervise(const ProcessRequest& request, const SuperviseHooks& hooks = {});

// Several children that are alive together, for instance because they take turns: as soon as one
// ends otherwise than with exit code 0 the others are ended too, and told as interrupted.
std::vector<ProcessOutcome> supervise_all(std::span<const ProcessRequest> requests,
                                          const SuperviseHooks& hooks = {});

}  // namespace stackheap
