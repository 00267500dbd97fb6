// `run --resume DIR`: what was asked comes from the folder, and whatever differs now is a reason
// not to go on, as its rows would look like those of one run.
#pragma once

#include <string>

#include "harness/cli/commands.hpp"
#include "harness/driver/locks.hpp"
#include "harness/driver/run_facts.hpp"
#include "harness/driver/run_folder.hpp"
#include "harness/driver/run_json.hpp"

namespace stackheap {

struct Resumption {
  RunFolder folder;
  FolderLock lock;
  std::string document;  // its run.json
  RunFacts facts;

  // Nothing is left to run; an interrupted run has ended, but is not complete.
  bool is_complete() const { return facts.finished && !facts.interrupted; }
};

// Nothing is changed in the folder. Throws UserError where it is none of a run, where another
// driver writes to it, and for runs that cannot go on: of `exec`, and merged ones.
Resumption open_to_resume(const std::string& folder);

// Those of its run.json, with what `now` says of how results are told and of the driver itself.
// Throws UserError where `now` has an option that would make it another run.
RunCommandOptions resumed_options(const Resumption& resumption, const RunCommandOptions& now);

// Throws UserError naming every difference of plan, binaries, allocators, machine and kernel.
void refuse_differences(const Resumption& resumption, const RunDescription& now);

// The command that goes on with the run in this folder, for a shell.
std::string resume_command(const RunFolder& folder);

}  // namespace stackheap
