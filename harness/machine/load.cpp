#include "harness/machine/load.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/machine/json_value.hpp"
#include "harness/machine/noise.hpp"
#include "harness/machine/proc_text.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

// "0.51 0.78 0.38 3/103 6803": the fourth is runnable/all threads.
void read_load_average(LoadSnapshot& load, const fs::path& root) {
  const auto text = read_trimmed(root / "proc/loadavg");
  if (!text) return;
  const auto fields = words(*text);
  if (fields.size() < 4) return;
  load.load_1min = parse_real(fields[0]);
  load.load_5min = parse_real(fields[1]);
  load.load_15min = parse_real(fields[2]);
  load.running = parse_count(split(fields[3], '/').front());
}

}  // namespace

LoadSnapshot capture_load(const fs::path& root) {
  LoadSnapshot load;
  read_load_average(load, root);
  if (const auto pressure = try_read_file(root / "proc/pressure/cpu")) {
    load.psi_cpu_some_us = parse_pressure_total_us(*pressure, "some");
    load.psi_cpu_full_us = parse_pressure_total_us(*pressure, "full");
  }
  if (const auto stat = try_read_file(root / "proc/stat")) {
    if (const auto times = parse_cpu_times(*stat)) {
      load.steal_ns = times->steal_ns;
      load.cpu_total_ns = times->total_ns;
    }
  }
  return load;
}

std::string load_to_json(const LoadSnapshot& load) {
  nlohmann::ordered_json json;
  json["load_1min"] = json_value(load.load_1min);
  json["load_5min"] = json_value(load.load_5min);
  json["load_15min"] = json_value(load.load_15min);
  json["running"] = json_value(load.running);
  json["psi_cpu_some_us"] = json_value(load.psi_cpu_some_us);
  json["psi_cpu_full_us"] = json_value(load.psi_cpu_full_us);
  json["steal_ns"] = json_value(load.steal_ns);
  json["cpu_total_ns"] = json_value(load.cpu_total_ns);
  return json_text(json);
}

}  // namespace stackheap
