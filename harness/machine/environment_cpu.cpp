#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "harness/base/file.hpp"
#include "harness/machine/environment.hpp"
#include "harness/machine/environment_parts.hpp"
#include "harness/machine/proc_text.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

// Clocks, the cost of entering the kernel and of flushing TLBs, address bits, wide vectors (they
// enlarge signal frames and contexts).
constexpr std::array<std::string_view, 18> kFlagsOfInterest = {
    "constant_tsc", "nonstop_tsc", "tsc_reliable", "rdtscp",   "rdpid", "hypervisor",
    "pti",          "pcid",        "invpcid",      "invlpgb",  "la57",  "pku",
    "user_shstk",   "avx2",        "avx512f",      "amx_tile", "fsrm",  "erms"};

std::optional<std::string> to_owned(std::optional<std::string_view> text) {
  if (!text || text->empty()) return std::nullopt;
  return std::string(*text);
}

std::vector<fs::path> numbered_entries(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> found;
  for (const fs::path& entry : sorted_entries(folder)) {
    const std::string name = entry.filename().string();
    if (name.size() > prefix.size() && name.compare(0, prefix.size(), prefix) == 0 &&
        parse_count(std::string_view(name).substr(prefix.size()))) {
      found.push_back(entry);
    }
  }
  return found;
}

void read_cpuinfo(CpuEnvironment& cpu, const fs::path& root) {
  const auto text = try_read_file(root / "proc/cpuinfo");
  if (!text) return;
  cpu.model = to_owned(value_of(*text, "model name"));
  cpu.vendor = to_owned(value_of(*text, "vendor_id"));
  unsigned processors = 0;
  for (const std::string_view line : lines(*text)) {
    if (line.substr(0, 9) == "processor") ++processors;
  }
  if (processors > 0) cpu.logical_cpus = processors;
  // Only x86 calls them flags, and only there does a missing "hypervisor" mean bare metal.
  const auto flags = value_of(*text, "flags");
  if (!flags) return;
  cpu.flags_known = true;
  for (const std::string_view flag : words(*flags)) {
    if (std::find(kFlagsOfInterest.begin(), kFlagsOfInterest.end(), flag) !=
        kFlagsOfInterest.end()) {
      cpu.flags.emplace_back(flag);
    }
  }
  cpu.virtual_machine = cpu.has_flag("hypervisor");
  cpu.invariant_tsc = cpu.has_flag("constant_tsc") && cpu.has_flag("nonstop_tsc");
}

void read_cores(CpuEnvironment& cpu, const fs::path& root) {
  const fs::path folder = root / "sys/devices/system/cpu";
  std::set<std::string> packages;
  // By its hardware threads, as core_id repeats from die to die.
  std::set<std::string> cores;
  for (const fs::path& entry : numbered_entries(folder, "cpu")) {
    auto package = read_trimmed(entry / "topology/physical_package_id");
    auto core = read_trimmed(entry / "topology/core_cpus_list");
    if (!core) core = read_trimmed(entry / "topology/thread_siblings_list");
    if (package) packages.insert(*std::move(package));
    if (core) cores.insert(*std::move(core));
  }
  if (!packages.empty()) cpu.packages = static_cast<unsigned>(packages.size());
  if (!cores.empty()) cpu.cores = static_cast<unsigned>(cores.size());
  const auto nodes = numbered_entries(root / "sys/devices/system/node", "node");
  if (!nodes.empty()) cpu.numa_nodes = static_cast<unsigned>(nodes.size());
  cpu.smt_active = read_flag(folder / "smt/active");
  // Where Intel's cores differ, the kernel registers a PMU for each kind.
  if (const auto slower = read_trimmed(root / "sys/devices/cpu_atom/cpus")) {
    cpu.efficiency_cpus = parse_cpu_list(*slower);
  }
}

// "48K" or "1M".
std::optional<std::uint64_t> parse_cache_size(std::string_view text) {
  std::uint64_t unit = 1;
  if (!text.empty() && text.back() == 'K') unit = std::uint64_t{1} << 10U;
  if (!text.empty() && text.back() == 'M') unit = std::uint64_t{1} << 20U;
  if (unit != 1) text.remove_suffix(1);
  const auto count = parse_count(text);
  if (!count) return std::nullopt;
  return *count * unit;
}

void read_caches(CpuEnvironment& cpu, const fs::path& root) {
  for (const fs::path& entry :
       numbered_entries(root / "sys/devices/system/cpu/cpu0/cache", "index")) {
    const auto level = read_count(entry / "level");
    const auto size = read_trimmed(entry / "size");
    const auto bytes = size ? parse_cache_size(*size) : std::nullopt;
    if (!level || !bytes) continue;
    cpu.caches.push_back({.level = static_cast<unsigned>(*level),
                          .type = read_trimmed(entry / "type").value_or(""),
                          .bytes = *bytes,
                          .shared_cpus = read_trimmed(entry / "shared_cpu_list").value_or("")});
  }
}

void read_frequency(CpuEnvironment& cpu, const fs::path& root) {
  const fs::path folder = root / "sys/devices/system/cpu";
  std::set<std::string> governors;
  for (const fs::path& entry : numbered_entries(folder, "cpu")) {
    if (auto governor = read_trimmed(entry / "cpufreq/scaling_governor")) {
      governors.insert(*std::move(governor));
    }
    if (!cpu.frequency_driver) {
      cpu.frequency_driver = read_trimmed(entry / "cpufreq/scaling_driver");
    }
  }
  cpu.governors.assign(governors.begin(), governors.end());
  if (const auto no_turbo = read_flag(folder / "intel_pstate/no_turbo")) {
    cpu.turbo = !*no_turbo;
  } else {
    cpu.turbo = read_flag(folder / "cpufreq/boost");
  }
  for (const fs::path& supply : sorted_entries(root / "sys/class/power_supply")) {
    if (read_trimmed(supply / "type") != "Mains") continue;
    const auto online = read_flag(supply / "online");
    if (online) cpu.on_battery = !*online && cpu.on_battery.value_or(true);
  }
}

}  // namespace

bool CpuEnvironment::has_flag(std::string_view flag) const {
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

CpuEnvironment read_cpu_environment(const fs::path& root) {
  CpuEnvironment cpu;
  read_cpuinfo(cpu, root);
  read_cores(cpu, root);
  read_caches(cpu, root);
  read_frequency(cpu, root);
  return cpu;
}

}  // namespace stackheap
