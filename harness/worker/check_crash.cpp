#include "harness/worker/check_crash.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "harness/base/error.hpp"
#include "harness/base/sanitizers.hpp"
#include "harness/worker/check.hpp"

namespace stackheap {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr std::size_t kStackBytes = std::size_t{32} << 10U;

void set_actions(void (*handler)(int, siginfo_t*, void*)) {
  if (kBuiltWithSanitizer) return;
  struct sigaction action {};
  sigemptyset(&action.sa_mask);
  if (handler == nullptr) {
    action.sa_handler = SIG_DFL;
  } else {
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | static_cast<int>(SA_RESETHAND);
  }
  for (const int signal : kSignals) STACKHEAP_CHECK(::sigaction(signal, &action, nullptr) == 0);
}

// snprintf without floating point asks no heap.
void on_crash(int signal, siginfo_t* info, void*) {
  char text[256];
  int size = std::snprintf(text, sizeof text, "SIG%s", sigabbrev_np(signal));
  const auto add = [&](const char* format, auto... values) {
    const auto at = static_cast<std::size_t>(size);
    if (at >= sizeof text) return;
    size += std::snprintf(text + at, sizeof text - at, format, values...);
  };
  if (signal == SIGSEGV || signal == SIGBUS) add(" at %p", info->si_addr);
  if (const CheckLane* lane = current_check_lane()) {
    add(" on thread %u of %u, operation %ju", lane->index, lane->count,
        static_cast<std::uintmax_t>(lane->operations));
    if (const char* function = lane->function.load(std::memory_order_relaxed)) {
      add(", in %s(%zu)", function, lane->size.load(std::memory_order_relaxed));
    }
  }
  add("%s", "\n");
  [[maybe_unused]] const auto written =
      ::write(STDERR_FILENO, text, std::min(static_cast<std::size_t>(size), sizeof text - 1));
  // SA_RESETHAND: it now ends the process; a fault happens again by itself.
  ::raise(signal);
}

}  // namespace

void report_crashes() {
  set_actions(on_crash);
}
void forget_crashes() {
  set_actions(nullptr);
}

AlternateStack::AlternateStack() : memory_(kBuiltWithSanitizer ? 0 : kStackBytes) {
  if (memory_.empty()) return;
  stack_t stack{};
  stack.ss_sp = memory_.data();
  stack.ss_size = memory_.size();
  STACKHEAP_CHECK(::sigaltstack(&stack, nullptr) == 0);
}

AlternateStack::~AlternateStack() {
  if (memory_.empty()) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  STACKHEAP_CHECK(::sigaltstack(&none, nullptr) == 0);
}

}  // namespace stackheap
