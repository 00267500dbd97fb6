#include <CLI/CLI.hpp>
#include <memory>

#include "harness/cli/commands.hpp"

namespace stackheap {

void add_run_options(CLI::App& run, RunCommandOptions& o) {
  run.add_option("--profile", o.profile, "smoke, quick, standard or full")->capture_default_str();
  run.add_option("--workload", o.workloads, "only workloads matching GLOB; may be repeated")
      ->type_name("GLOB");
  run.add_option("--variant", o.variants, "only variants matching GLOB; may be repeated")
      ->type_name("GLOB");
  run.add_option("--parameter", o.parameters, "other values for a workload's parameter")
      ->type_name("NAME=LIST");
  run.add_option("--threads", o.threads,
                 "thread counts, or auto: 1, 2, 4 ... CPUs and 2 x CPUs; else the profile's")
      ->type_name("LIST|auto");
  run.add_option("--pin", o.pin,
                 "pin threads to CPUs: none, compact (a core's siblings first) or spread (distinct "
                 "cores first); else spread while threads <= CPUs")
      ->type_name("none|compact|spread");
  run.add_flag("--turns", o.turns,
               "cells of a block with as many threads are alive together and take turns, window by "
               "window: differences show in much less time");
  run.add_flag("--dry-run", o.dry_run, "print the cells and the expected time, run nothing");
  run.add_option(
         "--resume", o.resume,
         "go on with the run in DIR that was cut short; plan, seed and options are those of "
         "its run.json")
      ->type_name("DIR");
  add_measuring_options(run, o);
}

void add_measuring_options(CLI::App& command, RunCommandOptions& o) {
  command
      .add_option("--allocator", o.allocators,
                  "only this allocator, or your own library under a name; may be repeated")
      ->type_name("NAME|NAME=/path/lib.so");
  command
      .add_option("--allocator-env", o.allocator_environment,
                  "set an environment variable for one allocator's processes; may be repeated")
      ->type_name("NAME KEY=VALUE");
  command
      .add_option("--allocators", o.allocators_file,
                  "more allocators, as [[allocator]] tables with name, library, env ...")
      ->type_name("FILE.toml");
  command
      .add_option(
          "--rounds", o.rounds,
          "exactly so many passes over the plan; else 12 (3 where samples take seconds), in "
          "smoke 1")
      ->type_name("N");
  command.add_option("--margin", o.margin, "differences below this do not matter, in percent")
      ->type_name("PCT")
      ->capture_default_str();
  command
      .add_option("--precision", o.precision,
                  "adaptive: from 12 rounds on add more until every interval's half-width is below "
                  "this, in percent; else half of --margin")
      ->type_name("PCT");
  command
      .add_option("--budget", o.budget,
                  "adaptive, for at most so long: 90s, 10m, 2h; else 5 times what 12 rounds take")
      ->type_name("TIME");
  command
      .add_option("--fail-on", o.fail_on,
                  "exit 1 where an allocator is certainly slower (faster, higher, lower) than the "
                  "baseline by more than PCT; may be repeated")
      ->type_name("slower=PCT");
  command
      .add_option("--metric", o.metrics,
                  "what --fail-on and --format are about; else what each workload is ranked by")
      ->type_name("GLOB");
  command
      .add_option("--format", o.format,
                  "print text, or the comparisons of allocators as markdown, csv or json")
      ->type_name("FORMAT")
      ->capture_default_str();
  command
      .add_option("--baseline", o.baseline, "compare with this allocator; else glibc, or the first")
      ->type_name("NAME");
  command
      .add_option("--seed", o.seed, "order and random numbers; the same seed gives the same ones")
      ->type_name("N");
  command
      .add_option("--calibration", o.calibration,
                  "a folder with calibration.json, of which the intervals take what layouts differ "
                  "by; else results/calibration")
      ->type_name("DIR");
  command.add_option("--label", o.label, "names the run in the folder's name and in figures")
      ->type_name("TEXT");
  command.add_option("--out", o.out, "folder to write, must not exist; else results/<time>-...")
      ->type_name("DIR");
  command.add_flag("--strict", o.strict, "refuse to run while the doctor has warnings");
  add_concurrency_option(command, o.allow_concurrent);
}

void add_concurrency_option(CLI::App& command, bool& allowed) {
  command
      .add_flag("--allow-concurrent", allowed,
                "measure though another run measures on this machine: each is load to the other")
      ->envname("STACKHEAP_ALLOW_CONCURRENT");
}

Subcommand define_run(CLI::App& app, const CommonOptions& common) {
  CLI::App& run = *app.add_subcommand("run", "measure, and write a folder of results");
  const auto options = std::make_shared<RunCommandOptions>();
  add_run_options(run, *options);
  run.footer(
      "\nExamples:\n  stackheap run --workload heap/pair --parameter size=64,4096 --rounds 20\n"
      "  stackheap run --allocator old=/opt/old/lib.so --allocator new=/opt/new/lib.so "
      "--baseline old --fail-on slower=3% --format markdown\n"
      "  stackheap run --resume results/20260131-120000-host-full");
  return {&run, [options, &common, &run] {
            for (const CLI::Option* option : run.get_options()) {
              if (option->count() > 0) options->given.push_back(option->get_name());
            }
            return command_run(common, *options);
          }};
}

}  // namespace stackheap
