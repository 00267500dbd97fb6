#include "harness/machine/topology.hpp"

#include <hwloc.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <type_traits>
#include <utility>

#include "harness/base/error.hpp"
#include "harness/machine/cgroup.hpp"

namespace stackheap {
namespace {

struct TopologyDeleter {
  void operator()(hwloc_topology_t topology) const { hwloc_topology_destroy(topology); }
};
using TopologyHandle = std::unique_ptr<std::remove_pointer_t<hwloc_topology_t>, TopologyDeleter>;

struct BitmapDeleter {
  void operator()(hwloc_bitmap_t bitmap) const { hwloc_bitmap_free(bitmap); }
};
using Bitmap = std::unique_ptr<std::remove_pointer_t<hwloc_bitmap_t>, BitmapDeleter>;

TopologyHandle new_topology() {
  hwloc_topology_t topology = nullptr;
  if (hwloc_topology_init(&topology) != 0) throw_errno("hwloc_topology_init");
  return TopologyHandle(topology);
}

Bitmap new_bitmap() {
  Bitmap bitmap(hwloc_bitmap_alloc());
  if (!bitmap) throw std::bad_alloc();
  return bitmap;
}

unsigned ancestor_index(hwloc_topology_t topology, hwloc_obj_t pu, hwloc_obj_type_t type,
                        unsigned otherwise) {
  const hwloc_obj_t found = hwloc_get_ancestor_obj_by_type(topology, type, pu);
  return found == nullptr ? otherwise : found->logical_index;
}

// Where a virtual machine shows no cores, each hardware thread is its own core; where it shows no
// package, there is one.
std::vector<LogicalCpu> collect_cpus(hwloc_topology_t topology, hwloc_const_bitmap_t allowed) {
  std::vector<LogicalCpu> cpus;
  std::map<unsigned, unsigned> seen_of_core;
  const int count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
  for (int i = 0; i < count; ++i) {
    const hwloc_obj_t pu = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, static_cast<unsigned>(i));
    if (!hwloc_bitmap_isset(allowed, pu->os_index)) continue;
    LogicalCpu cpu;
    cpu.os_index = pu->os_index;
    cpu.core = ancestor_index(topology, pu, HWLOC_OBJ_CORE, pu->logical_index);
    cpu.package = ancestor_index(topology, pu, HWLOC_OBJ_PACKAGE, 0);
    const int node = hwloc_bitmap_first(pu->nodeset);
    cpu.numa_node = node < 0 ? 0 : static_cast<unsigned>(node);
    cpu.smt_index = seen_of_core[cpu.core]++;
    cpus.push_back(cpu);
  }
  std::sort(cpus.begin(), cpus.end(),
            [](const LogicalCpu& a, const LogicalCpu& b) { return a.os_index < b.os_index; });
  return cpus;
}

template <class Key>
std::vector<unsigned> order_by(const std::vector<LogicalCpu>& cpus, Key key) {
  std::vector<LogicalCpu> sorted = cpus;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const LogicalCpu& a, const LogicalCpu& b) { return key(a) < key(b); });
  std::vector<unsigned> order;
  for (const LogicalCpu& cpu : sorted) order.push_back(cpu.os_index);
  return order;
}

template <class Member>
unsigned count_distinct(const std::vector<LogicalCpu>& cpus, Member member) {
  std::set<unsigned> distinct;
  for (const LogicalCpu& cpu : cpus) distinct.insert(cpu.*member);
  return static_cast<unsigned>(distinct.size());
}

}  // namespace

unsigned Topology::usable_cpus() const {
  const double count = static_cast<double>(cpus.size());
  return static_cast<unsigned>(std::max(1.0, std::min(count, std::ceil(cpu_quota))));
}

unsigned Topology::cores() const {
  return count_distinct(cpus, &LogicalCpu::core);
}
unsigned Topology::packages() const {
  return count_distinct(cpus, &LogicalCpu::package);
}
unsigned Topology::numa_nodes() const {
  return count_distinct(cpus, &LogicalCpu::numa_node);
}
bool Topology::has_smt_siblings() const {
  return cores() < cpus.size();
}

std::vector<unsigned> Topology::compact_order() const {
  return order_by(cpus, [](const LogicalCpu& cpu) {
    return std::tuple(cpu.package, cpu.numa_node, cpu.core, cpu.smt_index);
  });
}

std::vector<unsigned> Topology::spread_order() const {
  // The memory nodes of each package, and the cores of each (package, node): the rank in these
  // sets, not the number itself, is what makes uneven machines alternate.
  using Place = std::pair<unsigned, unsigned>;
  std::map<unsigned, std::set<unsigned>> nodes_of;
  std::map<Place, std::set<unsigned>> cores_of;
  for (const LogicalCpu& cpu : cpus) {
    nodes_of[cpu.package].insert(cpu.numa_node);
    cores_of[{cpu.package, cpu.numa_node}].insert(cpu.core);
  }
  const auto rank = [](const std::set<unsigned>& of, unsigned value) {
    return std::distance(of.begin(), of.find(value));
  };
  return order_by(cpus, [&](const LogicalCpu& cpu) {
    return std::tuple(cpu.smt_index, rank(cores_of[{cpu.package, cpu.numa_node}], cpu.core),
                      rank(nodes_of[cpu.package], cpu.numa_node), cpu.package);
  });
}

Topology detect_topology() {
  const TopologyHandle handle = new_topology();
  if (hwloc_topology_load(handle.get()) != 0) {
    throw UserError(
        "hwloc cannot read this machine's topology from /sys; `lstopo` (package hwloc) shows why",
        ExitCode::kMissing);
  }
  Topology topology;
  // hwloc leaves out what the cgroup forbids; the affinity mask narrows that further. It only
  // describes this machine if no HWLOC_XMLFILE or HWLOC_SYNTHETIC replaced it.
  const Bitmap allowed = new_bitmap();
  if (!hwloc_topology_is_thissystem(handle.get()) ||
      hwloc_get_cpubind(handle.get(), allowed.get(), HWLOC_CPUBIND_THREAD) != 0) {
    hwloc_bitmap_copy(allowed.get(), hwloc_topology_get_allowed_cpuset(handle.get()));
  }
  topology.cpus = collect_cpus(handle.get(), allowed.get());
  if (topology.cpus.empty()) {
    throw UserError(
        "hwloc sees none of the CPUs this process may run on; compare `lstopo` with `taskset -p "
        "$$`, and mount /sys if this is a container without it",
        ExitCode::kMissing);
  }
  if (const auto quota = read_cgroup_limits().cpus) topology.cpu_quota = *quota;
  return topology;
}

Topology synthetic_topology(const std::string& description,
                            const std::optional<std::vector<unsigned>>& allowed_cpus,
                            std::optional<double> cpu_quota) {
  const TopologyHandle handle = new_topology();
  if (hwloc_topology_set_synthetic(handle.get(), description.c_str()) != 0 ||
      hwloc_topology_load(handle.get()) != 0) {
    throw UserError("synthetic topology '" + description +
                    "' is not in hwloc's notation; write for instance 'package:2 core:4 pu:2'");
  }
  const Bitmap allowed = new_bitmap();
  if (allowed_cpus) {
    for (const unsigned cpu : *allowed_cpus) hwloc_bitmap_set(allowed.get(), cpu);
  } else {
    hwloc_bitmap_fill(allowed.get());
  }
  Topology topology;
  topology.cpus = collect_cpus(handle.get(), allowed.get());
  if (topology.cpus.empty()) {
    throw UserError("synthetic topology '" + description +
                    "' has none of the allowed CPUs; allow at least one that it has");
  }
  if (cpu_quota) topology.cpu_quota = *cpu_quota;
  return topology;
}

std::vector<unsigned> thread_counts_auto(unsigned usable) {
  STACKHEAP_CHECK(usable >= 1);
  std::vector<unsigned> counts;
  for (unsigned count = 1; count < usable; count *= 2) counts.push_back(count);
  counts.push_back(usable);
  counts.push_back(2 * usable);
  return counts;
}

}  // namespace stackheap
