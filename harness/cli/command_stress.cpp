#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "harness/allocators/library_check.hpp"
#include "harness/allocators/user.hpp"
#include "harness/base/clock.hpp"
#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/conduct.hpp"
#include "harness/cli/interrupt.hpp"
#include "harness/cli/run_options.hpp"
#include "harness/cli/stress_report.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/driver/misuse.hpp"
#include "harness/driver/run_folder.hpp"
#include "harness/driver/stress.hpp"
#include "harness/driver/stress_csv.hpp"
#include "harness/driver/stress_json.hpp"

namespace stackheap {
namespace {

// What one process may hold; no check needs a quarter of it.
constexpr std::uint64_t kMemoryCeiling = std::uint64_t{3} << 30U;
constexpr std::uint64_t kPlainLineEveryNs = 15'000'000'000;
constexpr std::uint64_t kRedrawEveryNs = 100'000'000;

struct StressCommandOptions {
  RunCommandOptions run;  // allocators, threads, seed, label and folder
  std::vector<std::string> checks;
  std::string seconds;
};

std::vector<CheckInfo> choose_checks(const std::vector<CheckInfo>& offered,
                                     const std::vector<std::string>& patterns) {
  if (patterns.empty()) return offered;
  std::vector<CheckInfo> chosen;
  for (const CheckInfo& check : offered) {
    if (std::any_of(patterns.begin(), patterns.end(),
                    [&](const std::string& pattern) { return glob_match(pattern, check.name); })) {
      chosen.push_back(check);
    }
  }
  for (const std::string& pattern : patterns) {
    if (std::any_of(chosen.begin(), chosen.end(),
                    [&](const CheckInfo& check) { return glob_match(pattern, check.name); })) {
      continue;
    }
    std::vector<std::string> known;
    for (const CheckInfo& check : offered) known.push_back(check.name);
    throw UserError("--check: " +
                    unknown_name_message("check", pattern, known, "stackheap list checks"));
  }
  return chosen;
}

std::optional<double> parse_seconds(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto seconds = parse_duration_seconds(text);
  if (!seconds) {
    throw UserError(fmt::format("--seconds {}: expected a time such as 30, 90s or 10m", text));
  }
  return seconds;
}

// The words of --allocator that gave each allocator its name.
std::map<std::string, std::string> words_of_allocators(const StressCommandOptions& options,
                                                       const std::vector<Allocator>& allocators) {
  std::map<std::string, std::string> words;
  for (const Allocator& allocator : allocators) words[allocator.name] = allocator.name;
  for (const std::string& option : options.run.allocators) {
    if (is_allocator_definition(option)) words[option.substr(0, option.find('='))] = option;
  }
  return words;
}

class StressLine {
 public:
  StressLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}
  StressLine(const StressLine&) = delete;
  StressLine& operator=(const StressLine&) = delete;
  ~StressLine() { clear(); }

  void show(const StressProgress& progress) {
    const std::uint64_t now = monotonic_ns();
    if (last_ns_ != 0 && now - last_ns_ < (terminal_ ? kRedrawEveryNs : kPlainLineEveryNs)) return;
    last_ns_ = now;
    const std::string line = fmt::format(
        "pass {}: {}/{} check-runs, {} so far{}: {}", progress.pass + 1, progress.done,
        progress.total, human_duration(progress.elapsed_seconds),
        progress.failed == 0 ? "" : fmt::format(", {} failed", progress.failed), progress.next);
    if (terminal_) {
      std::fprintf(stderr, "\r\x1b[K%s", shortened(line, columns_of(STDERR_FILENO) - 1).c_str());
      drawn_ = true;
    } else {
      std::fprintf(stderr, "%s\n", line.c_str());
    }
    std::fflush(stderr);
  }
  void clear() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
    drawn_ = false;
  }

 private:
  bool terminal_;
  bool drawn_ = false;
  std::uint64_t last_ns_ = 0;
};

// stress.csv and logs/, row by row, so that an interrupted run keeps what it found.
class StressFiles {
 public:
  explicit StressFiles(const RunFolder& folder)
      : folder_(folder),
        path_(folder.path / "stress.csv"),
        csv_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666)) {
    if (!csv_) throw_errno("create " + path_.string());
    write_all(csv_.get(), stress_header(), path_.string());
  }
  void add(const StressRow& row, const std::string& log) {
    if (fails_run(row)) {
      write_file_atomically(folder_.logs() / fmt::format("{}.log", rows_),
                            fmt::format("{}\n{}\n\n{}", row.command, detail_of(row), log));
    }
    write_all(csv_.get(), stress_csv_row(row), path_.string());
    ++rows_;
  }

 private:
  const RunFolder& folder_;
  std::filesystem::path path_;
  UniqueFd csv_;
  std::size_t rows_ = 0;
};

std::string outcome_text(const StressEnd& end, std::span<const StressRow> rows) {
  const auto count = [&](auto predicate) {
    return static_cast<std::size_t>(std::count_if(rows.begin(), rows.end(), predicate));
  };
  const std::size_t failed = count(fails_run);
  std::uint64_t operations = 0;
  std::uint64_t own = 0;
  std::uint64_t peak = 0;
  for (const StressRow& row : rows) {
    operations += row.result.operations;
    own = std::max(own, row.result.own_bytes);
    peak = std::max(peak, row.result.peak_bytes);
  }
  std::string text = fmt::format(
      "{} check-runs in {}, {:.0f} million operations; a process had at most {} resident, of which "
      "the checks' own tables are at most {}",
      rows.size(), human_duration(end.seconds), static_cast<double>(operations) * 1e-6,
      human_bytes(static_cast<double>(peak)), human_bytes(static_cast<double>(own)));
  if (failed != 0) text += fmt::format("; {} FAILED, see logs/", failed);
  if (end.left != 0) text += fmt::format("; no time for {} check-runs", end.left);
  if (end.interrupted) text += "; interrupted, what is complete was kept";
  return text;
}

void tell_unavailable(std::vector<Allocator>& allocators) {
  std::erase_if(allocators, [](const Allocator& allocator) {
    if (allocator.unavailable.empty()) return false;
    std::fprintf(stderr, "%s is unavailable: %s\n", allocator.name.c_str(),
                 allocator.unavailable.c_str());
    return true;
  });
}

void tell_misuse(std::span<const StressRow> rows, const RunFolder& folder) {
  const std::vector<MisuseRow> misuse = misuse_rows(rows);
  if (misuse.empty()) return;
  write_file_atomically(folder.path / "misuse.csv", misuse_csv(misuse));
  std::printf("\n%s\n", misuse_table(misuse).c_str());
}

ExitCode command_stress(const CommonOptions& common, const StressCommandOptions& options) {
  refuse_preload();
  refuse_bad_label(options.run.label);
  if (!options.run.out.empty()) refuse_existing(options.run.out);
  StressOptions stress;
  const Topology topology = detect_topology();
  stress.threads = parse_threads(options.run.threads, topology);
  stress.seconds = parse_seconds(options.seconds);
  stress.seed = choose_seed(options.run.seed);
  stress.cpus = topology.usable_cpus();
  stress.allocators = choose_allocators(options.run, false);
  tell_unavailable(stress.allocators);
  for (const Allocator& allocator : stress.allocators) {
    stress.identities[allocator.name] = identify_allocator(allocator);
  }
  const std::string worker = worker_path(common);
  stress.checks = choose_checks(checks_of_worker(worker), options.checks);

  CheckRunner runner(worker, std::min(kMemoryCeiling, available_memory_bytes() / 2),
                     install_interrupt_handlers());
  const RunFolder folder =
      create_run_folder(options.run.out.empty() ? default_run_path(options.run.label, "stress")
                                                : std::filesystem::path(options.run.out));
  write_file_atomically(folder.path / "stress.json", stress_json(stress, common.command_line));
  std::fprintf(stderr, "stackheap stress: %zu checks, %zu allocators, seed %llu; writing %s\n",
               stress.checks.size(), stress.allocators.size(),
               static_cast<unsigned long long>(stress.seed), folder.path.c_str());
  StressFiles files(folder);
  std::vector<StressRow> rows;
  StressEnd end;
  {
    StressLine line;
    StressHooks hooks;
    hooks.on_progress = [&](const StressProgress& progress) { line.show(progress); };
    hooks.on_row = [&](const StressRow& row, const std::string& log) {
      files.add(row, log);
      rows.push_back(row);
      if (!fails_run(row)) return;
      // As soon as it is known, for who watches.
      line.clear();
      std::fprintf(stderr, "%s: %s under %s: %s\n",
                   std::string(to_string(row.result.verdict)).c_str(), row.check.c_str(),
                   row.allocator.c_str(), detail_of(row).c_str());
    };
    end = run_stress(stress, runner, hooks);
  }
  const bool colour = wants_colour(STDOUT_FILENO);
  std::fputs(stress_table(rows, colour).c_str(), stdout);
  std::printf("\n");
  std::fputs(stress_findings(rows, words_of_allocators(options, stress.allocators), colour).c_str(),
             stdout);
  tell_misuse(rows, folder);
  std::printf("%s\nresults: %s\n", outcome_text(end, rows).c_str(), folder.path.c_str());
  if (end.interrupted) return ExitCode::kInterrupted;
  return std::any_of(rows.begin(), rows.end(), fails_run) ? ExitCode::kFailed : ExitCode::kOk;
}

}  // namespace

Subcommand define_stress(CLI::App& app, const CommonOptions& common) {
  CLI::App& stress = *app.add_subcommand(
      "stress", "does memory behave? checks of every allocator, each in a process of its own");
  const auto o = std::make_shared<StressCommandOptions>();
  stress.add_option("--check", o->checks, "checks by pattern, repeatable; else all")
      ->type_name("GLOB");
  stress
      .add_option("--allocator", o->run.allocators,
                  "NAME of a built-in row, or NAME=/path/lib.so, repeatable; else all built in")
      ->type_name("NAME[=PATH]");
  stress
      .add_option("--allocator-env", o->run.allocator_environment,
                  "NAME KEY=VALUE: an environment variable for that allocator's processes")
      ->type_name("NAME KEY=VALUE");
  stress.add_option("--allocators", o->run.allocators_file, "a TOML file that defines allocators")
      ->type_name("FILE");
  stress
      .add_option("--threads", o->run.threads,
                  "thread counts of the checks that take several, '2,16', or auto; else their own")
      ->type_name("LIST");
  stress
      .add_option(
          "--seconds", o->seconds,
          "run for so long, with new seeds and for longer each, once all is done; else once")
      ->type_name("TIME");
  stress.add_option("--seed", o->run.seed, "of all random choices; else from the clock")
      ->type_name("N");
  stress.add_option("--label", o->run.label, "part of the folder's name; else the host's name")
      ->type_name("TEXT");
  stress.add_option("--out", o->run.out, "the folder; else one in results/")->type_name("DIR");
  stress.footer(
      "\nA check that finds memory lost, shared or damaged, or whose process ends by a signal or "
      "not "
      "at all, is\nunsafe: exit code 1, and the command that repeats it is printed. Deviations "
      "from C "
      "or POSIX by which\nnothing is lost are reported and do not fail.\n\n"
      "Examples:\n  stackheap stress\n"
      "  stackheap stress --allocator mine=/opt/mine/libmine.so --check 'threads/*' --seconds 60");
  return {&stress, [&common, o] { return command_stress(common, *o); }};
}

}  // namespace stackheap
