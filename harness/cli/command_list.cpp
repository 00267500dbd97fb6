#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>

#include "harness/allocators/library_check.hpp"
#include "harness/allocators/table.hpp"
#include "harness/base/csv.hpp"
#include "harness/base/text.hpp"
#include "harness/cli/commands.hpp"
#include "harness/driver/bank_file.hpp"
#include "harness/driver/calibration_csv.hpp"
#include "harness/driver/check_runner.hpp"
#include "harness/driver/instrumentation.hpp"
#include "harness/driver/misuse.hpp"
#include "harness/driver/run_columns.hpp"
#include "harness/driver/sampler.hpp"
#include "harness/driver/stress_csv.hpp"
#include "harness/measure/metric_table.hpp"
#include "harness/model/workload_info.hpp"

namespace stackheap {
namespace {

using Rows = std::vector<std::vector<std::string>>;

struct ListOptions {
  std::string what;  // empty: all kinds
  bool csv = false;
};

struct Listing {
  std::vector<std::string> header;
  Rows rows;
  std::string note = {};  // below the table
};

std::string joined_values(const WorkloadInfo& info) {
  std::vector<std::int64_t> values;
  for (const Profile profile : kProfiles) {
    for (const Tier& tier : info.tiers_of(profile)) {
      values.insert(values.end(), tier.values.begin(), tier.values.end());
    }
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return fmt::format("{}", fmt::join(values, " "));
}

Listing list_suites(const std::vector<WorkloadInfo>& infos) {
  Listing listing{{"suite", "workloads"}, {}};
  for (const WorkloadInfo& info : infos) {
    const std::string suite(info.suite());
    if (listing.rows.empty() || listing.rows.back()[0] != suite)
      listing.rows.push_back({suite, ""});
    std::string& names = listing.rows.back()[1];
    names += (names.empty() ? "" : " ") + info.name.substr(suite.size() + 1);
  }
  return listing;
}

Listing list_workloads(const std::vector<WorkloadInfo>& infos) {
  Listing listing{{"workload", "parameter", "values", "threads", "one operation", "summary"}, {}};
  for (const WorkloadInfo& info : infos) {
    listing.rows.push_back({info.name,
                            info.parameter ? info.parameter->name + " " + info.parameter->unit : "",
                            info.parameter ? joined_values(info) : "",
                            fmt::format("{}-{}", info.threads.minimum, info.threads.maximum),
                            info.operation, info.summary});
  }
  return listing;
}

Listing list_variants(const std::vector<WorkloadInfo>& infos) {
  Listing listing{{"workload", "variant", "baseline", "allocators", "description"}, {}};
  for (const WorkloadInfo& info : infos) {
    for (const VariantInfo& variant : info.variants) {
      listing.rows.push_back({info.name, variant.name,
                              variant.name == info.baseline_variant ? "yes" : "",
                              !variant.uses_heap               ? "none"
                              : variant.only_allocator.empty() ? "all"
                                                               : variant.only_allocator,
                              variant.description});
    }
  }
  return listing;
}

Listing list_allocators() {
  Listing listing{{"allocator", "state", "version", "library", "description"}, {}};
  for (const Allocator& allocator : builtin_allocators(executable_folder())) {
    const bool available = allocator.unavailable.empty();
    std::string version;
    if (available) {
      const auto identities = identify_allocator(allocator);
      if (!identities.empty()) version = identities.front().version;
    }
    listing.rows.push_back(
        {allocator.name, available ? "available" : "unavailable", version,
         available && !allocator.libraries.empty() ? allocator.libraries.front() : "",
         available ? allocator.description : allocator.unavailable});
  }
  return listing;
}

Listing list_profiles(const std::vector<WorkloadInfo>& infos) {
  static constexpr std::pair<Profile, const char*> kMeanings[] = {
      {Profile::kSmoke,
       "every workload, variant and allocator once, smallest size; for tests, nothing "
       "is claimed from its times"},
      {Profile::kQuick, "headline cells, 12 rounds, up to 2 minutes on 2 CPUs; the default"},
      {Profile::kStandard,
       "every workload, headline variants and values, 1 and all CPUs, 12 rounds"},
      {Profile::kFull,
       "everything that can be planned, until every pair is precise or the budget is spent"}};
  Listing listing{{"profile", "workloads", "meaning"}, {}};
  for (const auto& [profile, meaning] : kMeanings) {
    const auto count = std::count_if(
        infos.begin(), infos.end(),
        [&, wanted = profile](const WorkloadInfo& info) { return !info.tiers_of(wanted).empty(); });
    listing.rows.push_back({std::string(to_string(profile)), fmt::format("{}", count), meaning});
  }
  return listing;
}

Listing list_metrics(bool csv) {
  Listing listing{
      {"metric", "unit", "type", "scope", "kind", "better", "compared", "per op", "meaning"}, {}};
  const std::vector<PerfAvailability> events = probe_perf_events();
  if (csv) {
    listing.header.emplace_back("empty here");
  } else {
    listing.note = missing_text({.events = events, .counting_allocators = {}, .piloted = {}});
  }
  for (const MetricInfo& metric : all_metrics()) {
    listing.rows.push_back(
        {std::string(metric.name), std::string(metric.unit), std::string(to_string(metric.type)),
         std::string(to_string(metric.scope)),
         metric.scope == MetricScope::kDerived ? ""
         : metric.instrumented                 ? "instrumented"
                                               : "timed",
         std::string(to_string(metric.direction)), metric.comparable ? "yes" : "",
         metric.per_operation ? "yes" : "", std::string(metric.meaning)});
    if (!csv) continue;
    std::string& reason = listing.rows.back().emplace_back();
    for (const PerfAvailability& event : events) {
      if (event.metric == metric.name) reason = event.reason;
    }
  }
  return listing;
}

Listing list_checks(const std::vector<CheckInfo>& checks) {
  Listing listing{{"check", "threads", "gravest", "source", "summary"}, {}};
  for (const CheckInfo& check : checks) {
    std::string threads;
    for (const CheckThreads kind : check.threads) {
      static constexpr const char* kWords[] = {"1", "2", "CPUs", "8 x CPUs", "9"};
      threads += (threads.empty() ? "" : ", ") + std::string(kWords[static_cast<int>(kind)]);
    }
    listing.rows.push_back(
        {check.name, threads, std::string(to_string(check.gravest)), check.source, check.summary});
  }
  std::sort(listing.rows.begin(), listing.rows.end());
  return listing;
}

Listing list_columns() {
  Listing listing{{"file", "column", "type", "unit", "meaning"}, {}};
  std::vector<FileColumns> files = run_columns();
  files.push_back({"calibration_samples.csv", bank_columns()});
  files.push_back({"calibration.csv", calibration_columns()});
  files.push_back({"stress.csv", stress_columns()});
  files.push_back({"misuse.csv", misuse_columns()});
  for (const FileColumns& file : files) {
    for (const ColumnInfo& column : file.columns) {
      listing.rows.push_back({std::string(file.file), std::string(column.name),
                              std::string(column.type), std::string(column.unit),
                              std::string(column.meaning)});
    }
  }
  return listing;
}

void print_csv(const Listing& listing) {
  std::fputs(csv_row(listing.header).c_str(), stdout);
  for (const auto& row : listing.rows) std::fputs(csv_row(row).c_str(), stdout);
}

// Columns as wide as their widest field; the last one is free text and runs on.
void print_table(const Listing& listing) {
  std::vector<std::size_t> widths(listing.header.size(), 0);
  Rows rows = listing.rows;
  rows.insert(rows.begin(), listing.header);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i + 1 < row.size() ? fmt::format("{:<{}}  ", row[i], widths[i]) : row[i];
    }
    std::printf("%s\n", line.c_str());
  }
  if (!listing.note.empty()) std::printf("\n%s", listing.note.c_str());
}

}  // namespace

std::string worker_path(const CommonOptions& common) {
  return common.worker.empty() ? (executable_folder() / "stackheap-worker").string()
                               : common.worker;
}

namespace {

ExitCode command_list(const CommonOptions& common, const ListOptions& options) {
  static const std::vector<std::string> kKinds = {"suites",   "workloads", "variants", "allocators",
                                                  "profiles", "checks",    "metrics",  "columns"};
  if (!options.what.empty() &&
      std::find(kKinds.begin(), kKinds.end(), options.what) == kKinds.end()) {
    throw UserError(unknown_name_message("list", options.what, kKinds, "stackheap list --help"));
  }
  if (options.csv && options.what.empty()) {
    throw UserError(
        "--csv needs to know what to list: one of suites, workloads, variants, "
        "allocators, profiles, checks, metrics, columns");
  }
  const std::string worker = worker_path(common);
  const auto infos = workloads_from_json(list_from_worker(worker));
  const auto listing_of = [&](const std::string& what) {
    if (what == "suites") return list_suites(infos);
    if (what == "workloads") return list_workloads(infos);
    if (what == "variants") return list_variants(infos);
    if (what == "allocators") return list_allocators();
    if (what == "profiles") return list_profiles(infos);
    if (what == "checks") return list_checks(checks_of_worker(worker));
    if (what == "metrics") return list_metrics(options.csv);
    return list_columns();
  };
  if (options.csv) {
    print_csv(listing_of(options.what));
    return ExitCode::kOk;
  }
  for (const std::string& kind : kKinds) {
    if (!options.what.empty() && kind != options.what) continue;
    if (options.what.empty())
      std::printf("%s%s\n", kind == kKinds.front() ? "" : "\n", kind.c_str());
    print_table(listing_of(kind));
  }
  return ExitCode::kOk;
}

}  // namespace

Subcommand define_list(CLI::App& app, const CommonOptions& common) {
  CLI::App& list = *app.add_subcommand("list", "what can be run, on what, and what is measured");
  const auto options = std::make_shared<ListOptions>();
  list.add_option(
      "what", options->what,
      "suites, workloads, variants, allocators, profiles, checks, metrics or columns; else all");
  list.add_flag("--csv", options->csv, "as comma-separated values");
  list.footer("\nExample:\n  stackheap list metrics --csv");
  return {&list, [options, &common] { return command_list(common, *options); }};
}

}  // namespace stackheap
