#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "harness/base/text.hpp"
#include "harness/machine/doctor_checks.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;

Diagnosis check_thp(const Patient& patient) {
  const auto& mode = patient.environment.memory.thp;
  if (!mode) return ok("the kernel has no transparent huge pages");
  const std::string what = "transparent huge pages: " + *mode;
  if (*mode != "always") return ok(what);
  return note(what, "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled");
}

Diagnosis check_thp_defrag(const Patient& patient) {
  const MemoryEnvironment& memory = patient.environment.memory;
  if (!memory.thp || *memory.thp == "never") return ok("no huge page is ever made");
  if (!memory.thp_defrag) return unknown("transparent_hugepage/defrag");
  const std::string what = "huge page compaction: " + *memory.thp_defrag;
  if (*memory.thp_defrag != "always") return ok(what);
  return note(what, "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/defrag");
}

Diagnosis check_overcommit(const Patient& patient) {
  const auto& mode = patient.environment.memory.overcommit;
  if (!mode) return unknown("vm.overcommit_memory");
  if (*mode != 2) return ok(fmt::format("vm.overcommit_memory is {}", *mode));
  return warning("vm.overcommit_memory is 2: reservations count as used memory",
                 "sudo sysctl vm.overcommit_memory=0");
}

Diagnosis check_max_map_count(const Patient& patient) {
  constexpr std::uint64_t kKernelDefault = 65530;
  constexpr std::uint64_t kComfortable = 262144;
  const auto& limit = patient.environment.memory.max_map_count;
  if (!limit) return unknown("vm.max_map_count");
  const std::string what = fmt::format("vm.max_map_count is {}", *limit);
  const std::string mend = "sudo sysctl vm.max_map_count=1048576";
  if (*limit < kKernelDefault) return warning(what, mend);
  if (*limit < kComfortable) return note(what, mend);
  return ok(what);
}

Diagnosis check_memory_limit(const Patient& patient) {
  constexpr std::uint64_t kTooLittle = 1024 * kMiB;
  const auto& limit = patient.environment.cgroup.memory_bytes;
  const auto& total = patient.environment.memory.total_bytes;
  if (!limit || (total && *limit >= *total))
    return ok("no memory limit below the machine's memory");
  const std::string what =
      fmt::format("the cgroup grants {}{}", human_bytes(static_cast<double>(*limit)),
                  total ? " of " + human_bytes(static_cast<double>(*total)) : std::string());
  const std::string mend =
      "# on the host:\ndocker update --memory 8g --memory-swap 8g CONTAINER   # or: sudo systemctl "
      "set-property UNIT MemoryMax=8G";
  return *limit < kTooLittle ? warning(what, mend) : note(what, mend);
}

Diagnosis check_address_space(const Patient& patient) {
  struct Row {
    std::string_view limit;
    std::string_view option;  // of prlimit(1)
  };
  constexpr std::array<Row, 2> kRows = {{{"address_space", "--as"}, {"data_size", "--data"}}};
  std::vector<std::string> found;
  std::string options;
  for (const Row& row : kRows) {
    const ResourceLimit* limit = patient.environment.find_limit(row.limit);
    if (limit == nullptr) return unknown("/proc/self/limits");
    if (!limit->soft) continue;
    found.push_back(fmt::format("{} is limited to {}", row.limit,
                                human_bytes(static_cast<double>(*limit->soft))));
    options += fmt::format(" {}=unlimited:unlimited", row.option);
  }
  if (found.empty()) return ok("address space and data size are unlimited");
  return warning(join(found, "; "), "sudo prlimit --pid $$" + options);
}

Diagnosis check_stack_limit(const Patient& patient) {
  constexpr std::uint64_t kUsual = 8 * kMiB;
  const ResourceLimit* limit = patient.environment.find_limit("stack_size");
  if (limit == nullptr) return unknown("/proc/self/limits");
  if (!limit->soft) return warning("the stack limit is unlimited", "ulimit -S -s 8192");
  const std::string what = "the stack limit is " + human_bytes(static_cast<double>(*limit->soft));
  if (*limit->soft >= kUsual) return ok(what);
  return warning(what, !limit->hard || *limit->hard >= kUsual
                           ? "ulimit -S -s 8192"
                           : "sudo prlimit --pid $$ --stack=8388608:unlimited");
}

// The tightest of four limits decides. RLIMIT_NPROC does not bind who has CAP_SYS_RESOURCE.
Diagnosis check_thread_limit(const Patient& patient) {
  const Environment& environment = patient.environment;
  struct Row {
    std::string_view name;
    std::optional<std::uint64_t> limit;
    std::string_view mend;
  };
  const ResourceLimit* processes = environment.find_limit("processes");
  const bool exempt = environment.kernel.cap_sys_resource.value_or(false);
  const std::array<Row, 4> rows = {{
      {"RLIMIT_NPROC", processes == nullptr || exempt ? std::nullopt : processes->soft,
       "sudo prlimit --pid $$ --nproc=unlimited:unlimited"},
      {"the cgroup's pids.max", environment.cgroup.pids,
       "# on the host:\ndocker update --pids-limit -1 CONTAINER   # or: sudo systemctl "
       "set-property "
       "UNIT TasksMax=infinity"},
      {"kernel.threads-max", environment.kernel.threads_max,
       "sudo sysctl kernel.threads-max=262144"},
      {"kernel.pid_max", environment.kernel.pid_max, "sudo sysctl kernel.pid_max=4194304"},
  }};
  const Row* tightest = nullptr;
  for (const Row& row : rows) {
    if (row.limit && (tightest == nullptr || *row.limit < *tightest->limit)) tightest = &row;
  }
  if (tightest == nullptr) return ok("no limit on threads is visible");
  const std::string what = fmt::format("{} allows {} threads", tightest->name, *tightest->limit);
  // Two threads per CPU, the harness, and what else the user or the container runs.
  const std::uint64_t needed = 256 + 2 * std::uint64_t{patient.topology.cpus.size()};
  if (*tightest->limit >= needed) return ok(what);
  return warning(what, std::string(tightest->mend));
}

Diagnosis check_aslr(const Patient& patient) {
  const MemoryEnvironment& memory = patient.environment.memory;
  if (memory.aslr_off_here.value_or(false)) {
    return warning(
        "address randomisation is off for this process (setarch -R)",
        "exec $SHELL   # from a terminal that was not started under setarch -R or a debugger");
  }
  if (!memory.aslr) return unknown("kernel.randomize_va_space");
  if (*memory.aslr == 2) return ok("addresses are randomised");
  return warning(fmt::format("kernel.randomize_va_space is {}", *memory.aslr),
                 "sudo sysctl kernel.randomize_va_space=2");
}

Diagnosis check_swap(const Patient& patient) {
  const auto& swap = patient.environment.memory.swap_bytes;
  if (!swap) return unknown("/proc/meminfo");
  if (*swap == 0) return ok("no swap");
  return note(human_bytes(static_cast<double>(*swap)) + " of swap", "sudo swapoff -a");
}

Diagnosis check_allocator_variables(const Patient& patient) {
  const auto& variables = patient.environment.allocator_variables;
  if (variables.empty()) return ok("no variable tunes an allocator");
  std::string names;
  for (const std::string& variable : variables)
    names += " " + variable.substr(0, variable.find('='));
  return warning("set in the environment: " + join(variables, ", "), "unset" + names);
}

constexpr std::array<Check, 11> kChecks = {{
    {"huge pages",
     "With `always` a touched page may become 2 MiB: resident memory and stacks grow in steps that "
     "depend on alignment, and a fault clears 512 pages.",
     check_thp},
    {"huge page compaction",
     "With `always` a page fault waits while the kernel moves other pages: latency that is not "
     "the allocator's.",
     check_thp_defrag},
    {"overcommit",
     "Allocators and stacks reserve far more than they touch; under strict accounting that fails "
     "with memory still free.",
     check_overcommit},
    {"mappings per process",
     "A guarded stack takes two mappings: this limit, not memory, ends how many fibers can live "
     "(about 32,700 at 65530).",
     check_max_map_count},
    {"memory limit",
     "Cells that do not fit are not run, and close to the limit the kernel reclaims pages inside "
     "a window.",
     check_memory_limit},
    {"address space limit",
     "Allocators reserve address space in large pieces; a limit makes them fall back or fail where "
     "a server would not.",
     check_address_space},
    {"stack limit",
     "It is the default size of thread stacks and decides the layout of the address space: "
     "`unlimited` turns mappings bottom-up, less than 8 MiB ends deep recursion early.",
     check_stack_limit},
    {"thread limit", "Cells with many threads fail when the limit is reached.", check_thread_limit},
    {"address randomisation",
     "Without it every process has the same layout: a lucky or unlucky cache alignment becomes a "
     "constant and looks like a property of the allocator.",
     check_aslr},
    {"swap",
     "A page that was swapped out comes back as a major fault inside a window, and peak memory is "
     "told too low.",
     check_swap},
    {"allocator variables",
     "They change the allocators under test, so the results are not those of their defaults.",
     check_allocator_variables},
}};

}  // namespace

std::span<const Check> memory_checks() {
  return kChecks;
}

}  // namespace stackheap
