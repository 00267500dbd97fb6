// What `run` and `exec` have in common: from the options to a description, from a plan to a folder
// of results, a table on the terminal and an exit code.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/cli/commands.hpp"
#include "harness/cli/resume.hpp"
#include "harness/cli/tell_results.hpp"
#include "harness/driver/locks.hpp"
#include "harness/driver/run.hpp"
#include "harness/driver/run_json.hpp"
#include "harness/driver/sample_source.hpp"

namespace stackheap {

// A user's LD_PRELOAD, and a label that cannot name a folder. Throw UserError.
void refuse_preload();
void refuse_bad_label(const std::string& label);

// What the options that both commands have say; throws UserError before anything is started.
RunDescription describe_run(const CommonOptions& common, const RunCommandOptions& options,
                            Profile profile);

// The part of RunOptions that follows from the plan and the description, adaptive rounds among it.
RunOptions run_options_of(const RunCommandOptions& options, RunDescription& run,
                          const std::vector<std::filesystem::path>& layouts);

// "12 rounds (3 of memory/decay)".
std::string rounds_text(const Plan& plan, unsigned rounds);

// Held as long as a run measures; nothing where concurrent ones are allowed. Throws UserError where
// somebody else measures.
std::optional<MachineLock> lock_machine(bool allow_concurrent);

// Examines the machine, samples the plan, writes and tells the results. `kind` names the folder:
// the profile, or exec. `resumption` (may be null) is the run that goes on.
ExitCode conduct(const RunCommandOptions& options, const Report& report, std::string_view kind,
                 RunDescription& run, RunOptions& run_options, SampleSource& source,
                 const Resumption* resumption = nullptr);

}  // namespace stackheap
