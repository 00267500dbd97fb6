#include "harness/driver/run_facts.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/model/strict_json.hpp"
#include "harness/model/workload_list.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kShownOfHash = 12;

// Rounds of a run and of its blocks: what fits into a summary's columns.
constexpr std::int64_t kMostRounds = 1'000'000'000;

std::string shortened_hash(const JsonPlace& place) {
  return place.text().substr(0, kShownOfHash);
}

std::string hashes(const JsonPlace& identities) {
  std::string text;
  identities.for_each([&](const JsonPlace& identity) {
    identity.require_keys({"path", "version", "build_id", "sha256", "bytes"});
    text += (text.empty() ? "" : " ") + shortened_hash(identity.at("sha256"));
  });
  return text;
}

std::string text_of(const JsonPlace& place) {
  if (place.is_null()) return kUnknownMachinePart;
  if (place.is_text()) return place.text();
  return place.value().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<std::string> texts_of(const JsonPlace& list) {
  std::vector<std::string> texts;
  list.for_each([&](const JsonPlace& text) { texts.push_back(text.text()); });
  return texts;
}

unsigned rounds_of(const JsonPlace& place) {
  return static_cast<unsigned>(place.integer(0, kMostRounds));
}

// What a root user changes between two runs, and an allocator notices.
void read_settings(const JsonPlace& root, RunFacts& facts) {
  const JsonPlace environment = root.at("environment");
  const JsonPlace memory = environment.at("memory");
  const JsonPlace cpu = environment.at("cpu");
  facts.identity["transparent huge pages"] = text_of(memory.at("thp"));
  facts.identity["address space randomisation"] = text_of(memory.at("aslr"));
  facts.identity["overcommit"] = text_of(memory.at("overcommit"));
  facts.identity["frequency governors"] = text_of(cpu.at("governors"));
  facts.identity["turbo"] = text_of(cpu.at("turbo"));
  facts.identity["SMT"] = text_of(cpu.at("smt_active"));
  facts.identity["CPU quota"] = text_of(root.at("topology").at("cpu_quota"));
  facts.identity["allocators' variables"] = text_of(environment.at("allocator_variables"));
}

// "malloc" or "malloc, oversubscribed" -> operations of a window and thread.
std::map<std::string, std::uint64_t> shares_of(const JsonPlace& block) {
  std::map<std::string, std::uint64_t> shares;
  if (!block.has("shares")) return shares;
  block.at("shares").for_each([&](const JsonPlace& share) {
    share.require_keys({"variant", "oversubscribed", "operations_per_window_and_thread"});
    const std::string over = share.at("oversubscribed").boolean() ? ", oversubscribed" : "";
    shares[share.at("variant").text() + over] =
        share.at("operations_per_window_and_thread").unsigned_integer();
  });
  return shares;
}

void read_plan(const JsonPlace& plan, RunFacts& facts) {
  plan.require_keys({"hash", "cells", "runnable_cells", "blocks"}, {"available_memory_bytes"});
  facts.identity["plan"] = plan.at("hash").text();
  if (plan.has("available_memory_bytes")) {
    facts.available_memory_bytes = plan.at("available_memory_bytes").unsigned_integer();
  }
  plan.at("blocks").for_each([&](const JsonPlace& block) {
    block.require_keys({"block", "cells", "rounds"}, {"shares"});
    const std::string name = block.at("block").text();
    if (facts.block_rounds.contains(name)) block.at("block").refuse("each block once");
    facts.block_rounds[name] = rounds_of(block.at("rounds"));
    facts.shares[name] = shares_of(block);
  });
}

void read_options(const JsonPlace& options, RunFacts& facts) {
  options.require_keys(
      {"workload", "variant", "allocator", "baseline", "parameter", "threads", "rounds", "margin",
       "alpha", "precision", "budget_seconds", "pin", "turns", "seed"},
      {"words"});
  const JsonPlace margin = options.at("margin");
  const JsonPlace alpha = options.at("alpha");
  facts.margin = margin.real();
  facts.alpha = alpha.real();
  if (facts.margin < 0) margin.refuse("at least 0");
  if (facts.alpha <= 0 || facts.alpha >= 1) alpha.refuse("a number between 0 and 1");
  facts.adaptive = !options.at("budget_seconds").is_null();
  facts.baseline_allocator = options.at("baseline").text();
  facts.identity["pinning"] = options.at("pin").text();
  facts.identity["turns"] = options.at("turns").boolean() ? "yes" : "no";
  if (options.has("words")) facts.words = texts_of(options.at("words"));
}

void read_build(const JsonPlace& build, RunFacts& facts) {
  build.require_keys({"compiler", "flags", "sanitizer", "benchmark_library", "worker", "layouts"},
                     {"driver_sha256"});
  build.at("benchmark_library").text();
  facts.identity["worker"] = hashes(build.at("layouts"));
  if (build.has("driver_sha256")) facts.driver = shortened_hash(build.at("driver_sha256"));
}

void read_machine(const JsonPlace& root, RunFacts& facts) {
  const JsonPlace environment = root.at("environment");
  facts.machine.processor = text_of(environment.at("cpu").at("model"));
  facts.machine.kernel = text_of(environment.at("kernel").at("release"));
  facts.machine.cpus = root.at("topology").at("usable_cpus").unsigned_integer();
  facts.identity["processor"] = facts.machine.processor;
  facts.identity["usable CPUs"] = fmt::format("{}", facts.machine.cpus);
  facts.identity["kernel"] = facts.machine.kernel;
  read_settings(root, facts);
}

void read_allocators(const JsonPlace& list, RunFacts& facts) {
  list.for_each([&](const JsonPlace& allocator) {
    allocator.require_keys({"name", "description", "origin", "version", "libraries", "environment",
                            "unavailable", "unproven_tuning"});
    std::string& identity = facts.allocators[allocator.at("name").text()];
    identity = hashes(allocator.at("libraries"));
    const JsonPlace environment = allocator.at("environment");
    environment.require_object();
    for (const auto& [name, value] : environment.value().items()) {
      identity += fmt::format(" {}={}", name, environment.at(name).text());
    }
  });
}

void read_calibration_part(const JsonPlace& calibration, RunFacts& facts) {
  if (calibration.is_null()) return;
  calibration.require_keys({"when", "sessions", "layout_spread"});
  facts.calibrated = true;
  const JsonPlace spread = calibration.at("layout_spread");
  if (!spread.is_null()) facts.layout_spread = spread.real();
  if (facts.layout_spread < 0) spread.refuse("at least 0");
}

void read_program(const JsonPlace& program, RunFacts& facts) {
  if (program.is_null()) return;
  facts.identity["program"] = shortened_hash(program.at("sha256"));
  facts.identity["command"] = text_of(program.at("command"));
}

void read_events(const JsonPlace& instrumented, RunFacts& facts) {
  instrumented.require_keys({"samples", "available", "missing"});
  instrumented.at("samples").unsigned_integer();
  facts.events = join(texts_of(instrumented.at("available")), ", ");
}

RunFacts facts_from(const JsonPlace& root) {
  // The version first: a document of another version has other keys.
  root.at("version").integer(kRunJsonVersion, kRunJsonVersion);
  root.require_keys({"version",      "stackheap_version", "label",    "profile",
                     "command_line", "started",           "finished", "rounds",
                     "seed",         "options",           "plan",     "build",
                     "program",      "allocators",        "topology", "environment",
                     "load",         "calibration",       "doctor",   "instrumented",
                     "workloads"},
                    {"result", "merged", "resumed"});
  RunFacts facts;
  facts.version = root.at("stackheap_version").text();
  facts.profile = root.at("profile").text();
  facts.identity["profile"] = facts.profile;
  facts.label = root.at("label").text();
  facts.finished = !root.at("finished").is_null();
  facts.rounds = rounds_of(root.at("rounds"));
  facts.merged = root.has("merged");
  if (!root.at("seed").is_null()) facts.seed = root.at("seed").unsigned_integer();
  if (root.has("result")) facts.interrupted = root.at("result").at("interrupted").boolean();
  root.at("started").text();
  texts_of(root.at("command_line"));
  read_plan(root.at("plan"), facts);
  read_options(root.at("options"), facts);
  read_build(root.at("build"), facts);
  read_machine(root, facts);
  read_allocators(root.at("allocators"), facts);
  read_calibration_part(root.at("calibration"), facts);
  read_program(root.at("program"), facts);
  read_events(root.at("instrumented"), facts);
  facts.workloads = workloads_at(root.at("workloads"));
  return facts;
}

}  // namespace

RunFacts parse_run_facts(std::string_view text, std::string_view name) {
  try {
    const nlohmann::json document = parse_strict_json(text, name);
    return facts_from(JsonPlace(document, name, text));
  } catch (const UserError&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw UserError(fmt::format("{}; was it edited, or written by another version of stackheap?",
                                error.what()));
  }
}

RunFacts read_run_facts(const std::filesystem::path& file) {
  return parse_run_facts(read_file(file), file.string());
}

}  // namespace stackheap
