#include <nlohmann/json.hpp>

#include "harness/machine/environment.hpp"
#include "harness/machine/json_value.hpp"

namespace stackheap {
namespace {
using Json = nlohmann::ordered_json;

Json to_json(const CpuEnvironment& cpu) {
  Json json;
  json["model"] = json_value(cpu.model);
  json["vendor"] = json_value(cpu.vendor);
  json["flags"] = cpu.flags_known ? Json(cpu.flags) : Json();
  json["caches"] = Json::array();
  for (const CacheInfo& cache : cpu.caches) {
    Json entry;
    entry["level"] = cache.level;
    entry["type"] = cache.type;
    entry["bytes"] = cache.bytes;
    entry["shared_cpus"] = cache.shared_cpus;
    json["caches"].push_back(std::move(entry));
  }
  json["logical_cpus"] = json_value(cpu.logical_cpus);
  json["cores"] = json_value(cpu.cores);
  json["packages"] = json_value(cpu.packages);
  json["numa_nodes"] = json_value(cpu.numa_nodes);
  json["smt_active"] = json_value(cpu.smt_active);
  json["efficiency_cpus"] = cpu.efficiency_cpus;
  json["governors"] = cpu.governors;
  json["frequency_driver"] = json_value(cpu.frequency_driver);
  json["turbo"] = json_value(cpu.turbo);
  json["on_battery"] = json_value(cpu.on_battery);
  json["virtual_machine"] = json_value(cpu.virtual_machine);
  json["invariant_tsc"] = json_value(cpu.invariant_tsc);
  return json;
}

Json to_json(const KernelEnvironment& kernel) {
  Json json;
  json["release"] = json_value(kernel.release);
  json["version"] = json_value(kernel.version);
  json["command_line"] = json_value(kernel.command_line);
  json["vulnerabilities"] = Json::object();
  for (const auto& [name, answer] : kernel.vulnerabilities) json["vulnerabilities"][name] = answer;
  json["clocksource"] = json_value(kernel.clocksource);
  json["clocksources_available"] = kernel.clocksources_available;
  json["schedstat"] = json_value(kernel.schedstat);
  json["pressure"] = kernel.pressure;
  json["perf_event_paranoid"] = json_value(kernel.perf_event_paranoid);
  json["cap_perfmon"] = json_value(kernel.cap_perfmon);
  json["cap_sys_resource"] = json_value(kernel.cap_sys_resource);
  json["tracefs_supported"] = kernel.tracefs_supported;
  json["tracefs_mount"] = json_value(kernel.tracefs_mount);
  json["tracepoints_readable"] = kernel.tracepoints_readable;
  json["threads_max"] = json_value(kernel.threads_max);
  json["pid_max"] = json_value(kernel.pid_max);
  return json;
}

Json to_json(const MemoryEnvironment& memory) {
  Json json;
  json["total_bytes"] = json_value(memory.total_bytes);
  json["swap_bytes"] = json_value(memory.swap_bytes);
  json["thp"] = json_value(memory.thp);
  json["thp_defrag"] = json_value(memory.thp_defrag);
  json["overcommit"] = json_value(memory.overcommit);
  json["max_map_count"] = json_value(memory.max_map_count);
  json["aslr"] = json_value(memory.aslr);
  json["aslr_off_here"] = json_value(memory.aslr_off_here);
  json["numa_balancing"] = json_value(memory.numa_balancing);
  return json;
}

Json to_json(const CgroupLimits& cgroup) {
  Json json;
  json["cpus"] = json_value(cgroup.cpus);
  json["memory_bytes"] = json_value(cgroup.memory_bytes);
  json["pids"] = json_value(cgroup.pids);
  return json;
}

// Unlimited is written as a word: null would read as unknown.
Json to_json(const std::vector<ResourceLimit>& limits) {
  const auto bound = [](const std::optional<std::uint64_t>& value) {
    return value ? Json(*value) : Json("unlimited");
  };
  Json json = Json::object();
  for (const ResourceLimit& limit : limits) {
    Json& entry = json[limit.name];
    entry["soft"] = bound(limit.soft);
    entry["hard"] = bound(limit.hard);
  }
  return json;
}

Json to_json(const Probes& probes) {
  Json json;
  json["pmu"] = to_string(probes.pmu);
  json["timer_resolution_ns"] = probes.timer.resolution_ns;
  json["monotonic_ns_per_read"] = probes.timer.monotonic_ns_per_read;
  json["thread_cpu_ns_per_read"] = probes.timer.thread_cpu_ns_per_read;
  json["glibc"] = probes.glibc;
  json["hypervisor"] = json_value(probes.hypervisor);
  return json;
}

}  // namespace

std::string environment_to_json(const Environment& environment) {
  Json json;
  json["cpu"] = to_json(environment.cpu);
  json["kernel"] = to_json(environment.kernel);
  json["memory"] = to_json(environment.memory);
  json["cgroup"] = to_json(environment.cgroup);
  json["limits"] = to_json(environment.limits);
  json["allocator_variables"] = environment.allocator_variables;
  json["os"] = json_value(environment.os);
  json["compiler"] = environment.compiler;
  json["probes"] = environment.probes ? to_json(*environment.probes) : Json();
  return json_text(json);
}

}  // namespace stackheap
