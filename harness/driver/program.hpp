// A program of the user's, found and examined before anything is run: can a library be preloaded
// into it at all? The dynamic linker says nothing where it cannot, and glibc would be measured
// under every name.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/allocators/library_check.hpp"

namespace stackheap {

struct Program {
  std::vector<std::string> words;  // as given: name or path, then its arguments
  std::filesystem::path file;      // what is executed, absolute
  std::string name;                // of the file, as a part of a workload's name
  LibraryIdentity identity;        // of the file
};

// Finds words[0] as a shell does (PATH where it holds no slash) and follows `#!` to its
// interpreter. Throws UserError naming file, reason and remedy: not found, not executable, set-uid
// or set-gid or with file capabilities (the dynamic linker ignores LD_PRELOAD then), linked
// statically, 32-bit, a malloc of its own. Requires at least one word.
Program find_program(std::vector<std::string> words);

// Why a library cannot be preloaded into this file, as the end of a sentence that begins with its
// name; empty where it can.
std::string preload_obstacle(const std::filesystem::path& file);

}  // namespace stackheap
