// What an allocator of the user's may be called and which variables it may set; the command line
// and the TOML file share these rules. Each returns the problem as a sentence, or nothing, so that
// the caller can put its own place before it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "harness/model/allocator.hpp"

namespace stackheap {

std::string allocator_name_problem(std::string_view name, std::span<const Allocator> builtins);

// Refused are variables that change more than the allocator: the dynamic linker's, our own, and
// tunables of the C library outside its malloc.
std::string environment_problem(std::string_view key, std::string_view value);

// True for a variable that an allocator reads its settings from. The driver drops these from what a
// worker inherits: a MALLOC_CONF in somebody's shell would else tune the row that is named plain
// jemalloc.
bool is_allocator_variable(std::string_view key);

// Adds or replaces, and marks the allocator `unproven` where the library cannot be asked whether
// the setting is in effect.
void set_environment(Allocator& allocator, const std::string& key, const std::string& value);

}  // namespace stackheap
