// The CPUs this process may really use, and in which order to pin lanes to them.
// std::thread::hardware_concurrency() and nproc count hardware threads: they know neither which of
// them share a core nor that a container's quota gives away only half of their time.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace stackheap {

struct LogicalCpu {
  unsigned os_index = 0;   // what sched_setaffinity and /proc/stat call it
  unsigned core = 0;       // machine-wide number of its core
  unsigned package = 0;    // its socket
  unsigned numa_node = 0;  // the kernel's number of its memory node
  unsigned smt_index = 0;  // its place among the *usable* hardware threads of its core

  bool operator==(const LogicalCpu&) const = default;
};

struct Topology {
  // Sorted by os_index; never empty. Scheduler affinity and cgroup cpuset are both applied.
  std::vector<LogicalCpu> cpus;
  // CPU time per second of wall time that the cgroup grants, in CPUs; infinite without a limit.
  double cpu_quota = std::numeric_limits<double>::infinity();

  // How many threads can run at once for any length of time: the smaller of the CPUs and the quota
  // rounded up, at least 1.
  unsigned usable_cpus() const;
  unsigned cores() const;
  unsigned packages() const;
  unsigned numa_nodes() const;
  bool has_smt_siblings() const;

  // os_index of every CPU. compact: all hardware threads of a core, then the next core, memory node
  // by memory node and package by package. spread: one hardware thread of each core first,
  // alternating between packages and their memory nodes; then the siblings in the same order.
  std::vector<unsigned> compact_order() const;
  std::vector<unsigned> spread_order() const;
};

// Of this machine and this thread. Throws UserError where hwloc cannot read the machine.
Topology detect_topology();

// For tests: hwloc's synthetic notation ("package:2 core:64 pu:2"), restricted to `allowed_cpus`
// (os_index; all if absent) and with a quota in CPUs. Throws UserError for a description that hwloc
// refuses and where no CPU remains.
Topology synthetic_topology(const std::string& description,
                            const std::optional<std::vector<unsigned>>& allowed_cpus = {},
                            std::optional<double> cpu_quota = {});

// What `--threads auto` means: the powers of two below `usable`, `usable` itself and its double
// (one oversubscribed point). `usable` is at least 1.
std::vector<unsigned> thread_counts_auto(unsigned usable);

}  // namespace stackheap
