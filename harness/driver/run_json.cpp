#include "harness/driver/run_json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "harness/base/build_info.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"

namespace stackheap {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

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
          {"seed", run.seed}};
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

[[noreturn]] void malformed(const std::filesystem::path& file, const std::string& what) {
  throw UserError(fmt::format("{}: {}; was it edited, or written by another version of stackheap?",
                              file.string(), what));
}

}  // namespace

std::string run_to_json(const RunDescription& run, const RunEnd* end) {
  Json document = {
      {"version", kVersion},
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
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

namespace {

std::string hashes(const Json& identities) {
  std::string text;
  for (const Json& identity : identities) {
    text += (text.empty() ? "" : " ") + identity.at("sha256").get<std::string>().substr(0, 12);
  }
  return text;
}

std::string text_of(const Json& value) {
  return value.is_null()     ? std::string(kUnknownMachinePart)
         : value.is_string() ? value.get<std::string>()
                             : value.dump();
}

// What a root user changes between two runs, and an allocator notices.
void read_settings(const Json& document, RunFacts& facts) {
  const Json& environment = document.at("environment");
  const Json& memory = environment.at("memory");
  const Json& cpu = environment.at("cpu");
  facts.identity["transparent huge pages"] = text_of(memory.at("thp"));
  facts.identity["address space randomisation"] = text_of(memory.at("aslr"));
  facts.identity["overcommit"] = text_of(memory.at("overcommit"));
  facts.identity["frequency governors"] = text_of(cpu.at("governors"));
  facts.identity["turbo"] = text_of(cpu.at("turbo"));
  facts.identity["SMT"] = text_of(cpu.at("smt_active"));
  facts.identity["CPU quota"] = text_of(document.at("topology").at("cpu_quota"));
  facts.identity["allocators' variables"] = text_of(environment.at("allocator_variables"));
}

// "malloc" or "malloc, oversubscribed" -> operations of a window and thread.
std::map<std::string, std::uint64_t> shares_of(const Json& block) {
  std::map<std::string, std::uint64_t> shares;
  if (!block.contains("shares")) return shares;
  for (const Json& share : block.at("shares")) {
    const std::string over = share.at("oversubscribed").get<bool>() ? ", oversubscribed" : "";
    shares[share.at("variant").get<std::string>() + over] =
        share.at("operations_per_window_and_thread").get<std::uint64_t>();
  }
  return shares;
}

void read_identity(const Json& document, RunFacts& facts) {
  const Json& environment = document.at("environment");
  facts.label = document.at("label").get<std::string>();
  facts.machine.processor = text_of(environment.at("cpu").at("model"));
  facts.machine.kernel = text_of(environment.at("kernel").at("release"));
  facts.machine.cpus = document.at("topology").at("usable_cpus").get<std::uint64_t>();
  facts.identity = {
      {"plan", document.at("plan").at("hash").get<std::string>()},
      {"profile", facts.profile},
      {"processor", facts.machine.processor},
      {"usable CPUs", fmt::format("{}", facts.machine.cpus)},
      {"kernel", facts.machine.kernel},
      {"worker", hashes(document.at("build").at("layouts"))},
      {"pinning", document.at("options").at("pin").get<std::string>()},
  };
  if (const Json& program = document.at("program"); !program.is_null()) {
    facts.identity["program"] = program.at("sha256").get<std::string>().substr(0, 12);
    facts.identity["command"] = text_of(program.at("command"));
  }
  read_settings(document, facts);
  for (const Json& allocator : document.at("allocators")) {
    std::string& identity = facts.allocators[allocator.at("name").get<std::string>()];
    identity = hashes(allocator.at("libraries"));
    for (const auto& [name, value] : allocator.at("environment").items()) {
      identity += fmt::format(" {}={}", name, value.get<std::string>());
    }
  }
}

}  // namespace

RunFacts read_run_facts(const std::filesystem::path& file) {
  RunFacts facts;
  try {
    const Json document = Json::parse(read_file(file));
    if (document.at("version") != kVersion) malformed(file, "expected \"version\" to be 1");
    facts.version = document.at("stackheap_version").get<std::string>();
    facts.profile = document.at("profile").get<std::string>();
    facts.finished = !document.at("finished").is_null();
    facts.rounds = document.at("rounds").get<unsigned>();
    for (const Json& block : document.at("plan").at("blocks")) {
      const auto name = block.at("block").get<std::string>();
      facts.block_rounds[name] = block.at("rounds").get<unsigned>();
      facts.shares[name] = shares_of(block);
    }
    facts.margin = document.at("options").at("margin").get<double>();
    facts.alpha = document.at("options").at("alpha").get<double>();
    if (!(facts.margin >= 0) || !(facts.alpha > 0 && facts.alpha < 1)) {
      malformed(file, "expected \"margin\" to be at least 0 and \"alpha\" between 0 and 1");
    }
    facts.adaptive = !document.at("options").at("budget_seconds").is_null();
    facts.baseline_allocator = document.at("options").at("baseline").get<std::string>();
    if (const Json& calibration = document.at("calibration"); !calibration.is_null()) {
      facts.calibrated = true;
      const Json& spread = calibration.at("layout_spread");
      if (!spread.is_null()) facts.layout_spread = spread.get<double>();
      if (!(facts.layout_spread >= 0)) malformed(file, "expected \"layout_spread\" of at least 0");
    }
    read_identity(document, facts);
    const Json workloads = {{"version", 1},
                            {"benchmark_library", document.at("build").at("benchmark_library")},
                            {"workloads", document.at("workloads")}};
    facts.workloads = workloads_from_json(workloads.dump());
  } catch (const Json::exception& error) {
    malformed(file, error.what());
  } catch (const UserError&) {
    throw;
  } catch (const std::runtime_error& error) {
    malformed(file, error.what());
  }
  return facts;
}

}  // namespace stackheap
