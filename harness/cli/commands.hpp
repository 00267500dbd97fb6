// The commands. Each defines its options, takes what the command line said, prints, and returns the
// exit code; user errors are thrown to run_app(), which is the only place that catches them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/error.hpp"

namespace CLI {
class App;
}

namespace stackheap {

struct CommonOptions {
  std::string worker;                     // path of the worker; empty: beside this program
  std::vector<std::string> program;       // what stands after the first `--`
  std::vector<std::string> command_line;  // with the home folder as ~, for run.json
};

struct RunCommandOptions {
  std::string profile = "quick";
  std::vector<std::string> workloads;
  std::vector<std::string> variants;
  std::vector<std::string> allocators;                                     // NAME or NAME=PATH
  std::vector<std::pair<std::string, std::string>> allocator_environment;  // NAME, KEY=VALUE
  std::string allocators_file;
  std::vector<std::string> parameters;  // NAME=LIST
  std::string threads;                  // LIST or "auto"; empty: the profile's
  std::string rounds;                   // exact; empty: the profile's, or adaptive
  std::string margin = "2";             // percent
  std::string precision;                // percent; empty: half of the margin
  std::string budget;                   // a duration; empty: five times the first rounds'
  std::vector<std::string> fail_on;     // "slower=3%"
  std::vector<std::string> metrics;     // that --fail-on and --format are about
  std::string format = "text";          // of what is printed at the end
  std::string baseline;
  std::string seed;  // empty: from the clock
  bool turns = false;
  std::string pin;          // empty: spread where threads <= CPUs, else none
  std::string calibration;  // a folder; empty: results/calibration
  std::string label;
  std::string out;
  std::string resume;  // the folder of a run that goes on
  bool dry_run = false;
  bool strict = false;
  bool allow_concurrent = false;   // beside another run on this machine
  std::vector<std::string> given;  // names of the options that the command line has
};

// A command of `app`, and what it does once the command line was parsed.
struct Subcommand {
  CLI::App* app = nullptr;
  std::function<ExitCode()> action;
};

// Each adds its command with its options and an example; `app` and `common` must outlive it.
Subcommand define_list(CLI::App& app, const CommonOptions& common);
Subcommand define_doctor(CLI::App& app, const CommonOptions& common);
Subcommand define_run(CLI::App& app, const CommonOptions& common);
Subcommand define_exec(CLI::App& app, const CommonOptions& common);
Subcommand define_stress(CLI::App& app, const CommonOptions& common);
Subcommand define_summarize(CLI::App& app, const CommonOptions& common);
Subcommand define_compare(CLI::App& app, const CommonOptions& common);
Subcommand define_calibrate(CLI::App& app, const CommonOptions& common);

// All options of `run`, and those that it has in common with `exec`.
void add_run_options(CLI::App& command, RunCommandOptions& options);
void add_measuring_options(CLI::App& command, RunCommandOptions& options);

// --allow-concurrent, of every command that measures.
void add_concurrency_option(CLI::App& command, bool& allowed);

ExitCode command_run(const CommonOptions& common, const RunCommandOptions& options);

// The worker's path and what it offers.
std::string worker_path(const CommonOptions& common);

}  // namespace stackheap
