#include "harness/machine/probes.hpp"

#include <gnu/libc-version.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "harness/base/clock.hpp"
#include "harness/base/file.hpp"

namespace stackheap {
namespace {

PmuState probe_pmu() {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.config = PERF_COUNT_HW_CPU_CYCLES;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  const UniqueFd counter(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!counter) {
    return errno == EACCES || errno == EPERM ? PmuState::kDenied : PmuState::kAbsent;
  }
  // Some virtual machines accept the event and never count.
  const std::uint64_t begin = thread_cpu_ns();
  while (thread_cpu_ns() - begin < 100'000) {
  }
  std::uint64_t cycles = 0;
  const bool counts =
      ::read(counter.get(), &cycles, sizeof cycles) == static_cast<ssize_t>(sizeof cycles) &&
      cycles > 0;
  return counts ? PmuState::kWorks : PmuState::kAbsent;
}

double ns_per_read(std::uint64_t (*clock)()) {
  constexpr unsigned kBatches = 21;
  constexpr unsigned kReads = 100;
  std::array<double, kBatches> cost{};
  for (double& batch : cost) {
    const std::uint64_t begin = monotonic_ns();
    for (unsigned i = 0; i < kReads; ++i) clock();
    batch = static_cast<double>(monotonic_ns() - begin) / kReads;
  }
  std::nth_element(cost.begin(), cost.begin() + kBatches / 2, cost.end());
  return cost[kBatches / 2];
}

std::uint64_t smallest_step_ns() {
  std::uint64_t smallest = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t previous = monotonic_ns();
  for (unsigned steps = 0; steps < 1000;) {
    const std::uint64_t now = monotonic_ns();
    if (now == previous) continue;
    smallest = std::min(smallest, now - previous);
    previous = now;
    ++steps;
    // A clock of milliseconds shows itself at once; a thousand steps of it would take seconds.
    if (smallest > 100'000 && steps >= 5) break;
  }
  return smallest;
}

std::optional<std::string> hypervisor_signature() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kHypervisorPresent = 1U << 31U;  // leaf 1, ECX
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kHypervisorPresent) == 0) return std::nullopt;
  __cpuid(0x40000000U, a, b, c, d);
  const unsigned registers[] = {b, c, d};
  char signature[sizeof registers + 1] = {};
  std::memcpy(signature, registers, sizeof registers);
  if (signature[0] == '\0') return std::nullopt;
  return std::string(signature);
#else
  return std::nullopt;
#endif
}

}  // namespace

std::string_view to_string(PmuState state) {
  switch (state) {
    case PmuState::kWorks:
      return "works";
    case PmuState::kAbsent:
      return "absent";
    case PmuState::kDenied:
      return "denied";
  }
  return "";
}

Probes run_probes() {
  Probes probes;
  probes.pmu = probe_pmu();
  probes.timer.resolution_ns = smallest_step_ns();
  probes.timer.monotonic_ns_per_read = ns_per_read(monotonic_ns);
  probes.timer.thread_cpu_ns_per_read = ns_per_read(thread_cpu_ns);
  probes.glibc = ::gnu_get_libc_version();
  probes.hypervisor = hypervisor_signature();
  return probes;
}

}  // namespace stackheap
