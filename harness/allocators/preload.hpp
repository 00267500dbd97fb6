// LD_PRELOAD's value for a list of libraries. The variable is split at spaces and colons and
// expands $ORIGIN and its like, and there is no way to quote: a path with these is handed over as
// /proc/self/fd/N, where N is an open descriptor that the new process inherits.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/base/file.hpp"
#include "harness/model/allocator.hpp"

namespace stackheap {

struct PreloadPlan {
  // For LD_PRELOAD in the child's environment; empty: leave the variable out.
  std::string value;
  // Opened close-on-exec, so that no other child gets them: between fork and exec the child must
  // clear FD_CLOEXEC, keeping the numbers. They lie at 200 and above, out of the way of what the
  // child rearranges. They must stay open until the child has proven its malloc.
  std::vector<UniqueFd> descriptors;
};

// Throws std::system_error where a library cannot be opened.
PreloadPlan plan_preload(const Allocator& allocator);

// The files into which the allocator's entry points may resolve, for the worker's proof.
std::vector<std::string> expected_files(const Allocator& allocator);

// True where LD_PRELOAD would take the path apart.
bool needs_descriptor(std::string_view path);

}  // namespace stackheap
