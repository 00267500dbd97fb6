// The command line: which command with which options.
#pragma once

namespace stackheap {

// Parses, runs the command and returns the exit code. The only place that catches: a UserError is
// printed as it is, anything else with what was being done.
int run_app(int argc, char** argv);

}  // namespace stackheap
