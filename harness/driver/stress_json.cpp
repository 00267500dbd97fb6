#include "harness/driver/stress_json.hpp"

#include <nlohmann/json.hpp>

#include "harness/base/build_info.hpp"
#include "harness/driver/known_deviations.hpp"
#include "harness/driver/run_folder.hpp"
#include "harness/machine/environment.hpp"

namespace stackheap {
namespace {

using nlohmann::json;

json known_as_json() {
  json list = json::array();
  for (const KnownDeviation& known : known_deviations()) {
    list.push_back({{"allocator", known.allocator},
                    {"library", known.library},
                    {"version", known.version},
                    {"check", known.check},
                    {"deviation", known.deviation},
                    {"defect", known.defect},
                    {"what", known.what},
                    {"source", known.source}});
  }
  return list;
}

json allocators_as_json(const StressOptions& options) {
  json list = json::array();
  for (const Allocator& allocator : options.allocators) {
    json files = json::array();
    for (const LibraryIdentity& identity : options.identities.at(allocator.name)) {
      files.push_back({{"path", identity.path},
                       {"version", identity.version},
                       {"build_id", identity.build_id},
                       {"sha256", identity.sha256}});
    }
    json environment = json::object();
    for (const auto& [name, value] : allocator.environment) environment[name] = value;
    list.push_back({{"name", allocator.name},
                    {"files", std::move(files)},
                    {"environment", std::move(environment)}});
  }
  return list;
}

}  // namespace

std::string stress_json(const StressOptions& options,
                        const std::vector<std::string>& command_line) {
  const Environment environment = capture_environment();
  json checks = json::array();
  for (const CheckInfo& check : options.checks) checks.push_back(check.name);
  return json{{"version", 1},
              {"stackheap", version()},
              {"command_line", command_line},
              {"started", utc_now()},
              {"seed", options.seed},
              {"cpus", options.cpus},
              {"kernel", environment.kernel.release.value_or("")},
              {"checks", std::move(checks)},
              {"allocators", allocators_as_json(options)},
              {"known_deviations", known_as_json()}}
             .dump(2) +
         "\n";
}

}  // namespace stackheap
