// The options that choose a plan, as words of a command line: run.json holds them, and a resumed
// run reads them with the parser that read them first. Anything else would be a second, slightly
// different, meaning of every option.
#pragma once

#include <string>
#include <vector>

#include "harness/cli/commands.hpp"

namespace stackheap {

// Those that differ from their default, without --seed, --label, --out and what is only told.
// Paths are absolute, with the home folder as ~.
std::vector<std::string> words_of(const RunCommandOptions& options);

// The other way. Throws UserError beginning with `file`, where the words come from.
RunCommandOptions options_of_words(const std::vector<std::string>& words, const std::string& file);

}  // namespace stackheap
