#include "harness/driver/run_json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "harness/base/build_info.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"

namespace stackheap {
namespace {

using Json = nlohmann::ordered_json;

Json identity_to_json(const LibraryIdentity& identity) {
  return {{"path", identity.path},
          {"version", identity.version},
          {"build_id", identity.build_id},
          {"sha256", identity.sha256},
          {"bytes", identity.size}};
}

Json allocators_to_json(const RunDescription& run) {
  Json list = Json::array();
  for (const Allocator& allocator : run.options.allocators) {
    Json libraries = Json::array();
    const auto known = run.identities.find(allocator.name);
    if (known != run.identities.end()) {
      for (const LibraryIdentity& identity : known->second) {
        libraries.push_back(identity_to_json(identity));
      }
    }
    Json environment = Json::object();
    for (const auto& [name, value] : allocator.environment) environment[name] = value;
    list.push_back({{"name", allocator.name},
                    {"description", allocator.description},
                    {"origin", allocator.origin == AllocatorOrigin::kUser ? "user" : "built-in"},
                    {"version", libraries.empty() ? Json("") : libraries[0]["version"]},
                    {"libraries", libraries},
                    {"environment", environment},
                    {"unavailable", allocator.unavailable},
                    {"unproven_tuning", allocator.unproven_tuning}});
  }
  return list;
}

Json topology_to_json(const Topology& topology) {
  Json cpus = Json::array();
  for (const LogicalCpu& cpu : topology.cpus) {
    cpus.push_back({{"cpu", cpu.os_index},
                    {"core", cpu.core},
                    {"package", cpu.package},
                    {"numa_node", cpu.numa_node}});
  }
  const bool limited = topology.cpu_quota <= static_cast<double>(topology.cpus.size());
  return {{"usable_cpus", topology.usable_cpus()},
          {"cpu_quota", limited ? Json(topology.cpu_quota) : Json(nullptr)},
          {"cores", topology.cores()},
          {"packages", topology.packages()},
          {"numa_nodes", topology.numa_nodes()},
          {"cpus", cpus}};
}

Json findings_to_json(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"severity", to_string(finding.severity)},
                    {"subject", finding.subject},
                    {"what", finding.what},
                    {"why", finding.why},
                    {"mend", finding.mend}});
  }
  return list;
}

Json options_to_json(const RunDescription& run) {
  Json parameters = Json::object();
  for (const auto& [name, values] : run.options.parameters) parameters[name] = values;
  std::vector<std::string> names;
  for (const Allocator& allocator : run.options.allocators) names.push_back(allocator.name);
  return {{"workload", run.options.workload_globs},
          {"variant", run.options.variant_globs},
          {"allocator", names},
          {"baseline", run.options.baseline_allocator},
          {"parameter", parameters},
          {"threads", run.options.threads},
          {"rounds", run.rounds},
          {"margin", run.margin},
          {"alpha", run.alpha},
          {"precision", run.precision ? Json(*run.precision) : Json(nullptr)},
          {"budget_seconds", run.budget_seconds ? Json(*run.budget_seconds) : Json(nullptr)},
          {"pin", run.pinning},
          {"turns", run.options.turns},
          {"seed", run.seed},
          {"words", run.words}};
}

Json plan_to_json(const RunDescription& run, const RunReport* report) {
  const Plan& plan = *run.plan;
  Json blocks = Json::array();
  for (const Block& block : plan.blocks) {
    unsigned rounds = block.rounds_of(run.rounds);
    if (run.budget_seconds && report != nullptr && report->rounds.contains(block.name)) {
      rounds = report->rounds.at(block.name);
    }
    Json entry = {{"block", block.name}, {"cells", block.cells.size()}, {"rounds", rounds}};
    if (report != nullptr && report->work.contains(block.name)) {
      Json per_variant = Json::array();
      for (const auto& [key, share] : report->work.at(block.name).shares) {
        per_variant.push_back({{"variant", key.first},
                               {"oversubscribed", key.second},
                               {"operations_per_window_and_thread", share}});
      }
      entry["shares"] = per_variant;
    }
    blocks.push_back(entry);
  }
  return {{"hash", plan.hash()},
          {"available_memory_bytes", run.options.available_memory_bytes},
          {"cells", plan.cells()},
          {"runnable_cells", plan.runnable_cells()},
          {"blocks", blocks}};
}

Json instrumentation_to_json(const Plan& plan, const Instrumentation& instrumentation) {
  Json available = Json::array();
  Json missing = Json::array();
  for (const PerfAvailability& event : instrumentation.events) {
    if (event.reason.empty()) {
      available.push_back(event.metric);
    } else {
      missing.push_back({{"metric", event.metric}, {"reason", event.reason}});
    }
  }
  return {{"samples", instrumented_round(plan, instrumentation).samples},
          {"available", available},
          {"missing", missing}};
}

Json layouts_to_json(const std::vector<LibraryIdentity>& layouts) {
  Json list = Json::array();
  for (const LibraryIdentity& layout : layouts) list.push_back(identity_to_json(layout));
  return list;
}

// Only what the run's intervals are made with.
Json calibration_to_json(const std::optional<CalibrationFacts>& calibration) {
  if (!calibration) return nullptr;
  return {
      {"when", calibration->when},
      {"sessions", calibration->sessions},
      {"layout_spread", calibration->layout_spread ? Json(*calibration->layout_spread) : Json()}};
}

Json program_to_json(const std::optional<Program>& program) {
  if (!program) return nullptr;
  Json document = identity_to_json(program->identity);
  document["command"] = program->words;
  return document;
}

// Where a run goes on, what was captured at its start stays, as its first samples were taken there.
void keep_the_start(const RunDescription& run, Json& document) {
  if (run.resumed_document.empty()) return;
  const Json first = Json::parse(run.resumed_document);
  for (const char* key :
       {"label", "command_line", "started", "environment", "calibration", "doctor"}) {
    document[key] = first.at(key);
  }
  document["load"]["start"] = first.at("load").at("start");
  Json resumed = first.contains("resumed") ? first.at("resumed") : Json::array();
  resumed.push_back({{"when", run.started},
                     {"from_sample", run.resumed_from},
                     {"load", Json::parse(load_to_json(run.load_at_start))}});
  document["resumed"] = resumed;
}

}  // namespace

std::string run_to_json(const RunDescription& run, const RunEnd* end) {
  Json document = {
      {"version", kRunJsonVersion},
      {"stackheap_version", version()},
      {"label", run.label},
      {"profile", run.program ? "exec" : to_string(run.profile)},
      {"command_line", run.command_line},
      {"started", run.started},
      {"finished", end == nullptr ? Json(nullptr) : Json(end->finished)},
      {"rounds", run.rounds},
      {"seed", run.seed},
      {"options", options_to_json(run)},
      {"plan", plan_to_json(run, end == nullptr ? nullptr : &end->report)},
      {"build",
       {{"compiler", compiler()},
        {"flags", compiler_flags()},
        {"sanitizer", sanitizer()},
        {"benchmark_library", run.benchmark_library},
        {"driver_sha256", run.driver_sha256},
        {"worker", identity_to_json(run.layouts.at(0))},
        {"layouts", layouts_to_json(run.layouts)}}},
      {"program", program_to_json(run.program)},
      {"allocators", allocators_to_json(run)},
      {"topology", topology_to_json(run.topology)},
      {"environment", Json::parse(environment_to_json(run.environment))},
      {"load", {{"start", Json::parse(load_to_json(run.load_at_start))}, {"end", nullptr}}},
      {"calibration", calibration_to_json(run.calibration)},
      {"doctor", findings_to_json(run.findings)},
      {"instrumented", instrumentation_to_json(*run.plan, run.instrumentation)},
      {"workloads", Json::parse(workloads_to_json(run.workloads))["workloads"]}};
  if (end != nullptr) {
    document["load"]["end"] = Json::parse(load_to_json(end->load));
    document["result"] = {
        {"samples", end->report.samples}, {"failed", end->report.failed},
        {"not_run", end->report.skipped}, {"interrupted", end->report.interrupted},
        {"seconds", end->report.seconds}, {"worker_seconds", end->report.worker_seconds}};
  }
  keep_the_start(run, document);
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace stackheap
