#include "harness/driver/calibration_file.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/model/strict_json.hpp"

namespace stackheap {
namespace {

constexpr int kVersion = 1;
constexpr std::int64_t kMost = 1'000'000'000;

double at_least_0(const JsonPlace& place) {
  const double value = place.real();
  if (value < 0) place.refuse("a number of at least 0");
  return value;
}

CalibrationFacts facts_from(const JsonPlace& root) {
  root.at("version").integer(kVersion, kVersion);
  root.require_keys({"version", "machine", "when", "sessions", "turns", "layout_spread",
                     "between_runs", "window_summary"});
  CalibrationFacts facts;
  const JsonPlace machine = root.at("machine");
  machine.require_keys({"processor", "kernel", "cpus"});
  facts.machine.processor = machine.at("processor").text();
  facts.machine.kernel = machine.at("kernel").text();
  facts.machine.cpus = static_cast<std::uint64_t>(machine.at("cpus").integer(1, kMost));
  facts.when = root.at("when").text();
  facts.sessions = static_cast<std::uint64_t>(root.at("sessions").integer(0, kMost));
  facts.turns = root.at("turns").boolean();
  if (const JsonPlace spread = root.at("layout_spread"); !spread.is_null()) {
    facts.layout_spread = at_least_0(spread);
  }
  if (const JsonPlace between = root.at("between_runs"); !between.is_null()) {
    between.require_keys({"deviation", "sessions"});
    facts.between_runs = BetweenRunSpread{
        .deviation = at_least_0(between.at("deviation")),
        .sessions = static_cast<std::size_t>(between.at("sessions").integer(2, kMost))};
  }
  facts.window_summary = root.at("window_summary").text();
  return facts;
}

}  // namespace

std::string calibration_to_json(const CalibrationFacts& facts) {
  using Json = nlohmann::ordered_json;
  Json between(nullptr);
  if (facts.between_runs) {
    between = {{"deviation", facts.between_runs->deviation},
               {"sessions", facts.between_runs->sessions}};
  }
  const Json document = {
      {"version", kVersion},
      {"machine",
       {{"processor", facts.machine.processor},
        {"kernel", facts.machine.kernel},
        {"cpus", facts.machine.cpus}}},
      {"when", facts.when},
      {"sessions", facts.sessions},
      {"turns", facts.turns},
      {"layout_spread", facts.layout_spread ? Json(*facts.layout_spread) : Json(nullptr)},
      {"between_runs", between},
      {"window_summary", facts.window_summary}};
  return document.dump(1) + "\n";
}

std::filesystem::path default_calibration_folder() {
  return std::filesystem::path("results") / "calibration";
}

std::optional<CalibrationFacts> read_calibration(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "calibration.json";
  const auto text = try_read_file(file);
  if (!text) return std::nullopt;
  try {
    const auto document = parse_strict_json(*text, file.string());
    return facts_from(JsonPlace(document, file.string()));
  } catch (const UserError&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw UserError(
        fmt::format("{}; was it edited? `stackheap calibrate` writes it anew", error.what()));
  }
}

CalibratedMachine machine_of(const Environment& environment, const Topology& topology) {
  return {.processor = environment.cpu.model.value_or(kUnknownMachinePart),
          .kernel = environment.kernel.release.value_or(kUnknownMachinePart),
          .cpus = topology.usable_cpus()};
}

FoundCalibration find_calibration(const std::string& folder, const CalibratedMachine& machine) {
  const std::filesystem::path path =
      folder.empty() ? default_calibration_folder() : std::filesystem::path(folder);
  FoundCalibration found{read_calibration(path), {}};
  if (!found.facts) {
    found.problem = fmt::format("there is no calibration in {}", path.string());
  } else if (!(found.facts->machine == machine)) {
    found.problem = fmt::format("{} is of another machine: {}, {} CPUs, kernel {}", path.string(),
                                found.facts->machine.processor, found.facts->machine.cpus,
                                found.facts->machine.kernel);
    found.facts.reset();
  }
  return found;
}

}  // namespace stackheap
