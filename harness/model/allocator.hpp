// An allocator as a plan sees it: a name and how a worker process comes to run on it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stackheap {

// The allocator name of cells whose variant does not use the heap.
inline constexpr std::string_view kNoAllocator = "none";

enum class AllocatorOrigin {
  kBuiltIn,  // a row of the built-in table
  kUser,     // --allocator NAME=PATH or a TOML file
};

struct Allocator {
  std::string name;
  AllocatorOrigin origin = AllocatorOrigin::kBuiltIn;
  std::string description;
  // Preloaded in this order; empty for glibc. Absolute paths.
  std::vector<std::string> libraries;
  // Files besides `libraries` into which entry points may resolve (a proxy's own back end).
  std::vector<std::string> companions;
  std::vector<std::pair<std::string, std::string>> environment;
  // Not empty: its cells are `unavailable`, and why, naming the package.
  std::string unavailable;
  // Keeps what it frees on the freeing thread; unsupported where blocks migrate without bound.
  bool frees_to_freeing_thread = false;
  // Counts how often its own locks were taken and found taken (allocators/statistics.hpp).
  bool counts_its_locks = false;
  // A tuning row: part of profile `full` and of what is asked for by name.
  bool only_in_full = false;
  // A tuning (environment) that could not be read back from the library: shown as `unproven`.
  bool unproven_tuning = false;
};

}  // namespace stackheap
