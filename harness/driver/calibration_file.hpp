// calibration.json: what `calibrate` found out about this machine that other commands need. A
// comparison of two runs is worth nothing without it, and a run's intervals are widened by it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "harness/machine/environment.hpp"
#include "harness/machine/topology.hpp"
#include "harness/stats/between_runs.hpp"

namespace stackheap {

// Where the system does not tell.
inline constexpr const char* kUnknownMachinePart = "unknown";

// Which machine it was: a calibration of another one says nothing.
struct CalibratedMachine {
  std::string processor;
  std::string kernel;
  std::uint64_t cpus = 0;

  bool operator==(const CalibratedMachine&) const = default;
};

struct CalibrationFacts {
  CalibratedMachine machine;
  std::string when;  // UTC, of the last session
  std::uint64_t sessions = 0;
  bool turns = false;  // what was compared was alive together and took turns
  // Standard error, on the log scale, of a ratio's median over rounds that rotate over the worker's
  // layouts, from what the layouts differ by; nothing where there was one layout.
  std::optional<double> layout_spread;
  std::optional<BetweenRunSpread> between_runs;
  std::string window_summary;  // the metric that `calibrate` found to be the best to compare by
};

// {"version":1,"machine":{"processor":..,"kernel":..,"cpus":2},"when":..,"sessions":20,
//  "turns":false,"layout_spread":0.002,"between_runs":{"deviation":0.01,"sessions":20},
//  "window_summary":..}
std::string calibration_to_json(const CalibrationFacts& facts);

// Where commands look for it unless told otherwise: results/calibration/calibration.json below the
// working directory.
std::filesystem::path default_calibration_folder();

// Nothing where there is no such file. Throws UserError where it is malformed.
std::optional<CalibrationFacts> read_calibration(const std::filesystem::path& folder);

CalibratedMachine machine_of(const Environment& environment, const Topology& topology);

// The calibration of `machine` in `folder` (empty: the default one), or why there is none, as the
// end of a sentence. Throws UserError where the file is malformed.
struct FoundCalibration {
  std::optional<CalibrationFacts> facts;
  std::string problem;
};
FoundCalibration find_calibration(const std::string& folder, const CalibratedMachine& machine);

}  // namespace stackheap
