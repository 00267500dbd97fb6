// The shell command that repeats one sample by hand, for logs.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "harness/allocators/preload.hpp"
#include "harness/model/allocator.hpp"
#include "harness/model/cell_request.hpp"
#include "harness/model/check.hpp"

namespace stackheap {

// For bash, on one line; paths below the home folder with ~. `allocator` is null where the process
// ran on its default malloc. Libraries that were handed over as descriptors are opened by the shell
// under the same numbers.
std::string repeat_command(const std::filesystem::path& worker, const Allocator* allocator,
                           const PreloadPlan& preload, const CellRequest& request);

// The same for one run of a check; it prints what it finds.
std::string repeat_check(const std::filesystem::path& worker, const Allocator* allocator,
                         const PreloadPlan& preload, const CheckRequest& request);

// The words as a shell would have to be given them.
std::string shell_words(std::span<const std::string> words);

// The same for a program of the user's with its arguments, reading `input`.
std::string repeat_program(std::span<const std::string> words, const std::string& input,
                           const Allocator* allocator, const PreloadPlan& preload);

}  // namespace stackheap
