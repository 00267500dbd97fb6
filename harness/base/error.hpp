// The three channels for what goes wrong.
//
// A user's mistake or a missing part of the machine is a UserError: it names the thing, the reason
// and the remedy, and is caught once, in cli/. A cell that fails is data (model/sample.hpp). A
// broken invariant of our own ends the process: STACKHEAP_CHECK stays on in every build type,
// because an assertion that release builds drop would let a wrong number be published.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace stackheap {

// The process's exit codes, as documented in `stackheap --help`.
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,   // ran, but a cell failed, a check failed or a gate fired
  kUsage = 2,    // a user's mistake; nothing was run
  kMissing = 3,  // the machine lacks something that was asked for by name
  kInterrupted = 130,
};

// `what()` is complete: thing, reason, remedy. It is printed as it is.
class UserError : public std::runtime_error {
 public:
  explicit UserError(const std::string& message, ExitCode code = ExitCode::kUsage)
      : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// Thrown by a workload whose own result is wrong; the sample becomes `failed_check`.
class CheckFailed : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Thrown by a workload that finds at run time that the cell cannot run here (a kernel without a
// feature, a limit too small); the sample becomes `unsupported`, or `unavailable` where a package
// would help.
class CannotRun : public std::runtime_error {
 public:
  enum class Kind { kUnsupported, kUnavailable };
  explicit CannotRun(const std::string& reason, Kind kind = Kind::kUnsupported)
      : std::runtime_error(reason), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

// Prints the expression, its place and `errno`'s text to stderr and aborts. Never allocates, so it
// is safe inside a process whose malloc is the thing under suspicion.
[[noreturn]] void invariant_failed(const char* expression, const char* file, int line);

// std::system_error for errno, with `doing` naming the call and its object.
[[noreturn]] void throw_errno(std::string_view doing);

}  // namespace stackheap

#define STACKHEAP_CHECK(expression) \
  ((expression) ? void() : ::stackheap::invariant_failed(#expression, __FILE__, __LINE__))
