#include "harness/cli/app.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <system_error>

#include "harness/base/build_info.hpp"
#include "harness/base/csv.hpp"
#include "harness/base/file.hpp"
#include "harness/base/printable.hpp"
#include "harness/base/text.hpp"
#include "harness/cli/commands.hpp"

namespace stackheap {
namespace {

constexpr const char* kAbout =
    "stackheap: where should this memory come from, on this machine, at this many threads?\n"
    "Runs workloads on the stack, on arenas, on several heap allocators and on the stacks of\n"
    "threads and fibers, in interleaved rounds of fresh processes, and compares with intervals.";

constexpr const char* kFooter =
    "\nExit codes: 0 all that was planned is ok; 1 a sample or a check failed, or --fail-on fired; "
    "2 a "
    "mistake in the command;\n"
    "3 the machine lacks something, such as a library asked for by name or room on the disk; 130 "
    "interrupted.\n\n"
    "Examples:\n"
    "  stackheap doctor\n"
    "  stackheap run\n"
    "  stackheap run --workload 'threads/*' --allocator glibc --allocator mimalloc --threads auto\n"
    "  stackheap run --resume results/20260131-120000-host-full\n"
    "  stackheap exec -- sort -R /etc/services\n"
    "  stackheap exec -- sort /etc/services\n"
    "  stackheap stress --allocator mine=/opt/mine/libmine.so\n"
    "  stackheap run --allocator old=/opt/old/libmy.so --allocator new=/opt/new/libmy.so";

using Define = Subcommand (*)(CLI::App& app, const CommonOptions& common);
// In the order in which --help shows them.
constexpr Define kCommands[] = {define_list,   define_doctor,  define_run,       define_exec,
                                define_stress, define_compare, define_summarize, define_calibrate};

// An unset shell variable makes an option's value empty; taking that for the default would run
// something else than was meant.
void refuse_empty_values(CLI::App& app) {
  const auto problem = [](const std::string& value) {
    return value.empty() ? "needs a value, found an empty text" : "";
  };
  for (CLI::Option* option : app.get_options()) option->check(problem);
  for (CLI::App* command : app.get_subcommands({})) refuse_empty_values(*command);
}

std::vector<Subcommand> define(CLI::App& app, CommonOptions& common) {
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(version()));
  app.footer(kFooter);
  app.add_option("--worker", common.worker, "the worker program; else beside this one")
      ->type_name("PATH");
  app.fallthrough();
  std::vector<Subcommand> commands;
  for (const Define command : kCommands) commands.push_back(command(app, common));
  refuse_empty_values(app);
  return commands;
}

// Every name an option or a command of `app` goes by.
void collect_names(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
}

// The library's message, with the nearest option or command where a word was not understood.
std::string explain(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::vector<std::string> commands;
  std::vector<std::string> names;
  collect_names(app, names);
  for (const CLI::App* command : app.get_subcommands({})) {
    commands.push_back(command->get_name());
    collect_names(*command, names);
  }
  if (argc > 1 && argv[1][0] != '-' &&
      std::find(commands.begin(), commands.end(), argv[1]) == commands.end()) {
    return unknown_name_message("command", argv[1], commands, "stackheap --help");
  }
  for (int i = 1; i < argc; ++i) {
    const std::string word = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
    if (word.starts_with("--") && std::find(names.begin(), names.end(), word) == names.end()) {
      const std::string command = argc > 1 && argv[1][0] != '-' ? std::string(argv[1]) + " " : "";
      return unknown_name_message("option", word, names, "stackheap " + command + "--help");
    }
  }
  return std::string(error.what()) + "; `stackheap --help` shows the usage";
}

ExitCode dispatch(const std::vector<Subcommand>& commands) {
  for (const Subcommand& command : commands) {
    if (command.app->parsed()) return command.action();
  }
  throw UserError("no command; `stackheap --help` shows them");
}

int report(const std::string& message, ExitCode code) {
  std::fprintf(stderr, "stackheap: %s\n", printable(message).c_str());
  return static_cast<int>(code);
}

}  // namespace

int run_app(int argc, char** argv) {
  CLI::App app(kAbout, "stackheap");
  CommonOptions common;
  const std::vector<Subcommand> commands = define(app, common);
  for (int i = 0; i < argc; ++i) common.command_line.push_back(with_home_as_tilde(argv[i]));
  // A program's own arguments are none of ours; the library would take some of them apart.
  const auto end = std::find(argv, argv + argc, std::string_view("--"));
  if (end != argv + argc) {
    common.program.assign(end + 1, argv + argc);
    argc = static_cast<int>(end - argv);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return report(explain(app, error, argc, argv), ExitCode::kUsage);
  }
  try {
    if (!common.program.empty() && !app.got_subcommand("exec")) {
      throw UserError("only exec takes a program after `--`");
    }
    return static_cast<int>(dispatch(commands));
  } catch (const UserError& error) {
    return report(error.what(), error.code());
  } catch (const CsvError& error) {
    return report(error.what(), ExitCode::kUsage);
  } catch (const std::system_error& error) {
    return report(std::string(error.what()) + "; what is complete was kept", ExitCode::kMissing);
  } catch (const std::exception& error) {
    return report(error.what(), ExitCode::kMissing);
  }
}

}  // namespace stackheap
