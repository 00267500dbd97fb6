// What happens at the end of a stack, tried in a child process: a descent that stops at a signal or
// at a canary, and tells what it found through memory shared with its parent.
//
// The child's handler runs on an alternate stack, mapped and touched beforehand: at the end of a
// stack there is no room for it. Its size is asked of the kernel, since on processors with wide
// vector registers one signal frame is larger than the constant SIGSTKSZ.
#pragma once

#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "harness/base/error.hpp"
#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/stack_range.hpp"

namespace stackheap::overflow {

inline constexpr unsigned char kCanary = 0xc5;
inline constexpr unsigned kChildSeconds = 20;

// The stack a child runs on, and where its descent has to stop.
struct Place {
  StackRange stack;               // its own bytes
  std::uintptr_t guard_low = 0;   // a fault from here to stack.low is the guard's
  std::uintptr_t stop_below = 0;  // the descent ends itself there; 0: only a signal ends it
  const unsigned char* canary = nullptr;
  std::size_t canary_bytes = 0;
};

// One frame of the descent. Small against a page: a frame larger than a guard may step over it.
struct Step {
  const Step* above;
  std::uint64_t number;
  unsigned char rest[240];
};

enum class Ending : int { kNone, kSignal, kWentOn };

// Written by the child, read by the parent after its end.
struct Report {
  Place place;
  Fault fault = Fault::kNone;
  Ending ending = Ending::kNone;
  std::uintptr_t top = 0;         // of the first frame
  const Step* deepest = nullptr;  // the last one written whole
  std::uint64_t frames = 0;
  std::uint64_t intact = 0;  // found by going back up from the deepest, at equal distances
  std::uint64_t distance = 0;
  std::uintptr_t fault_address = 0;
  std::uint64_t changed_canaries = 0;
  char cannot_run[400] = "";

  std::uintptr_t lowest() const { return reinterpret_cast<std::uintptr_t>(deepest); }
};
inline Report* g_report = nullptr;  // the child's, for its signal handler

// A report in memory that a child shares.
class SharedReport {
 public:
  SharedReport() {
    void* const memory = ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    report_ = new (memory) Report;
  }
  SharedReport(const SharedReport&) = delete;
  SharedReport& operator=(const SharedReport&) = delete;
  ~SharedReport() { unmap_pages(report_, sizeof(Report)); }

  Report& report() { return *report_; }

 private:
  Report* report_;
};

// Ends the child. Only reads and writes memory, so that it may run in a signal handler and on a
// heap that has been overwritten.
inline void conclude(Ending ending) {
  Report& report = *g_report;
  report.ending = ending;
  const Step* step = report.deepest;
  if (step != nullptr && report.fault == Fault::kFlipByte) const_cast<Step*>(step)->number ^= 1U;
  if (step != nullptr && report.fault == Fault::kDrop) step = step->above;
  if (step != nullptr && step->above != nullptr) {
    report.distance =
        reinterpret_cast<std::uintptr_t>(step->above) - reinterpret_cast<std::uintptr_t>(step);
  }
  for (std::uint64_t number = report.frames; step != nullptr && step->number == number; --number) {
    ++report.intact;
    const Step* const above = step->above;
    if (above != nullptr && reinterpret_cast<std::uintptr_t>(above) !=
                                reinterpret_cast<std::uintptr_t>(step) + report.distance) {
      break;
    }
    step = above;
  }
  for (std::size_t i = 0; i < report.place.canary_bytes; ++i) {
    if (report.place.canary[i] != kCanary) ++report.changed_canaries;
  }
  ::_exit(0);
}

// Through a pointer: a compiler that sees that it never returns warns of endless recursion.
inline void (*volatile g_conclude)(Ending) = conclude;

inline void on_signal(int, siginfo_t* info, void*) {
  g_report->fault_address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  conclude(Ending::kSignal);
}

[[gnu::noinline]] inline void descend(const Step* above, std::uint64_t number) {
  Step step;
  step.above = above;
  step.number = number;
  escape(&step);
  Report& report = *g_report;
  report.deepest = &step;
  report.frames = number;
  if (reinterpret_cast<std::uintptr_t>(&step) < report.place.stop_below) {
    return g_conclude(Ending::kWentOn);
  }
  descend(&step, number + 1);
  escape(&step);
}

// In the child, on the thread that will run into it: a fault in `place` ends the child with a
// report.
inline void watch(const Place& place) {
  const auto minimum = std::max(static_cast<std::size_t>(std::max(0L, ::sysconf(_SC_MINSIGSTKSZ))),
                                static_cast<std::size_t>(::getauxval(AT_MINSIGSTKSZ)));
  const std::size_t bytes = minimum + (std::size_t{64} << 10U);
  stack_t alternate{};
  alternate.ss_sp = map_pages(bytes);
  alternate.ss_size = bytes;
  STACKHEAP_CHECK(::sigaltstack(&alternate, nullptr) == 0);
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int signal : {SIGSEGV, SIGBUS}) {
    STACKHEAP_CHECK(::sigaction(signal, &action, nullptr) == 0);
  }
  g_report->place = place;
}

// In the child, on the stack to be tried: goes down until the child ends.
[[gnu::noinline]] inline void try_stack(const Place& place) {
  watch(place);
  g_report->top = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  descend(nullptr, 1);
}

// Runs `body` in a child, which must call try_stack() there, and fills `report`, which is in shared
// memory. Returns the child's status as of waitpid. What the body throws as CannotRun is thrown
// here.
template <class Body>
int run_in_child(Report& report, Body&& body) {
  g_report = &report;
  const pid_t child = ::fork();
  if (child < 0) throw CannotRun("fork failed: " + std::string(std::strerror(errno)));
  if (child == 0) {
    ::alarm(kChildSeconds);  // an allocator may hang in a child, or a descent never end
    const rlimit no_core{};
    ::setrlimit(RLIMIT_CORE, &no_core);
    try {
      body();
    } catch (const std::exception& error) {
      std::strncpy(report.cannot_run, error.what(), sizeof report.cannot_run - 1);
    }
    ::_exit(1);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) STACKHEAP_CHECK(errno == EINTR);
  g_report = nullptr;
  if (report.cannot_run[0] != '\0') throw CannotRun(report.cannot_run);
  return status;
}

// What the metric `overflow` says of it.
inline std::string_view outcome_of(const Report& report, int status) {
  if (WIFSIGNALED(status)) return "crashed_elsewhere";
  if (report.ending == Ending::kWentOn) return "silent_corruption";
  const bool at_guard = report.place.guard_low <= report.fault_address &&
                        report.fault_address < report.place.stack.low;
  return at_guard ? "guard_hit" : "crashed_elsewhere";
}

}  // namespace stackheap::overflow
