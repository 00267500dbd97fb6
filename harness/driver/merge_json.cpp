#include "harness/driver/merge_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness/base/build_info.hpp"
#include "harness/base/error.hpp"
#include "harness/base/mapped_text.hpp"
#include "harness/driver/summarize_run.hpp"

namespace stackheap {
namespace {

using Json = nlohmann::ordered_json;

// Its runs, if it is a merged one; else itself. Numbers of samples and rounds are those in the new
// files.
Json entries_of(const MergedRun& run, const Json& document) {
  if (document.contains("merged")) {
    Json entries = document.at("merged");
    for (Json& entry : entries) {
      entry["first_sample"] = entry.at("first_sample").get<std::uint64_t>() + run.rows.first_sample;
      entry["first_round"] = entry.at("first_round").get<unsigned>() + run.rows.first_round;
    }
    return entries;
  }
  Json shares = Json::object();
  for (const Json& block : document.at("plan").at("blocks")) {
    if (block.contains("shares")) shares[block.at("block").get<std::string>()] = block["shares"];
  }
  return Json::array({{{"path", with_home_as_tilde(run.path.string())},
                       {"label", document.at("label")},
                       {"command_line", document.at("command_line")},
                       {"started", document.at("started")},
                       {"finished", document.at("finished")},
                       {"seed", document.at("seed")},
                       {"first_sample", run.rows.first_sample},
                       {"samples", run.rows.samples},
                       {"first_round", run.rows.first_round},
                       {"rounds", run.rows.rounds},
                       {"samples_sha256", run.origins.front()},
                       {"shares", shares},
                       {"load", document.at("load")},
                       {"resumed", document.value("resumed", Json::array())},
                       {"doctor", document.at("doctor")}}});
}

// Rounds that a block had or, where their number was fixed, should have had.
unsigned planned_rounds(const MergedRun& run, const std::string& block) {
  const auto& rounds = run.facts.adaptive ? run.rows.block_rounds : run.facts.block_rounds;
  const auto found = rounds.find(block);
  return found == rounds.end() ? 0 : found->second;
}

bool has_same_shares(std::span<const MergedRun> runs, const std::string& block) {
  const auto& first = runs.front().facts.shares;
  return std::all_of(runs.begin(), runs.end(), [&](const MergedRun& run) {
    const auto shares = run.facts.shares.find(block);
    return shares != run.facts.shares.end() && shares->second == first.at(block);
  });
}

void merge_plan(Json& plan, std::span<const MergedRun> runs) {
  for (Json& block : plan.at("blocks")) {
    const auto name = block.at("block").get<std::string>();
    unsigned rounds = 0;
    for (const MergedRun& run : runs) rounds += planned_rounds(run, name);
    block["rounds"] = rounds;
    if (!has_same_shares(runs, name)) block.erase("shares");
  }
}

// The sum of a number in the "result" of those that have one, which an unfinished run has not.
Json merged_result(std::span<const Json> documents) {
  Json result = Json::object();
  for (const Json& document : documents) {
    if (!document.contains("result")) continue;
    for (const auto& [name, value] : document.at("result").items()) {
      if (value.is_boolean()) {
        result[name] = result.value(name, false) || value.get<bool>();
      } else if (value.is_number_float()) {
        result[name] = result.value(name, 0.0) + value.get<double>();
      } else {
        result[name] = result.value(name, std::uint64_t{0}) + value.get<std::uint64_t>();
      }
    }
  }
  return result;
}

}  // namespace

MergedRun read_run_to_merge(const RunFolder& folder) {
  MergedRun run;
  run.path = folder.path;
  run.facts = load_samples(folder).facts;  // so that a malformed row is told with this run's name
  run.document = read_file(folder.run_json());
  run.origins = {sha256_hex(MappedText(folder.samples()).view())};
  try {
    const Json document = Json::parse(run.document);
    run.started = document.at("started").get<std::string>();
    for (const char* name : {"label", "command_line", "finished", "seed", "doctor"}) {
      document.at(name);
    }
    document.at("load").at("end");
    document.at("instrumented").at("samples").get<std::uint64_t>();
    if (document.contains("merged")) {
      run.origins.clear();
      for (const Json& entry : document.at("merged")) {
        entry.at("first_sample").get<std::uint64_t>();
        entry.at("first_round").get<unsigned>();
        run.origins.push_back(entry.at("samples_sha256").get<std::string>());
      }
    }
  } catch (const Json::exception& error) {
    throw UserError(
        fmt::format("{}: {}; was it edited, or written by another version of stackheap?",
                    folder.run_json().string(), error.what()));
  }
  return run;
}

std::string merged_run_json(std::span<const MergedRun> runs,
                            const std::vector<std::string>& command_line) {
  std::vector<Json> documents;
  for (const MergedRun& run : runs) documents.push_back(Json::parse(run.document));
  Json merged = documents.front();
  merged["stackheap_version"] = version();
  merged["command_line"] = command_line;
  merged["seed"] = nullptr;  // each has its own
  merged.erase("resumed");
  Json entries = Json::array();
  unsigned rounds = 0;
  std::uint64_t instrumented = 0;
  double alpha = 1;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Json& document = documents[i];
    for (const Json& entry : entries_of(runs[i], document)) entries.push_back(entry);
    if (document.at("label") != merged.at("label")) merged["label"] = "merged";
    // Runs come in the order of their start. One that has no end has none as a part either.
    if (document.at("finished").is_null() || merged.at("finished").is_null()) {
      merged["finished"] = nullptr;
    } else if (document.at("finished") > merged.at("finished")) {
      merged["finished"] = document.at("finished");
    }
    rounds += runs[i].facts.adaptive ? runs[i].rows.rounds : runs[i].facts.rounds;
    instrumented += document.at("instrumented").at("samples").get<std::uint64_t>();
    // Where one of them looked at its intervals before it ended, that must be allowed for in all.
    alpha = std::min(alpha, runs[i].facts.alpha);
  }
  merged["rounds"] = rounds;
  Json& options = merged["options"];
  options["rounds"] = rounds;
  options["alpha"] = alpha;
  // Their number is what it is now: nothing is added any more until pairs are precise.
  options["precision"] = nullptr;
  options["budget_seconds"] = nullptr;
  options["seed"] = nullptr;
  options["words"] = Json::array();  // it is no run that could go on
  merge_plan(merged["plan"], runs);
  merged["instrumented"]["samples"] = instrumented;
  merged["load"]["end"] = documents.back().at("load").at("end");
  const Json result = merged_result(documents);
  if (!result.empty()) merged["result"] = result;
  merged["merged"] = entries;
  return merged.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace stackheap
