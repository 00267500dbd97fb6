// The allocators a user brings, and the choice among all. Strict on purpose: a name that silently
// means another library, or a key that is silently ignored, ends up in a published plot.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/model/allocator.hpp"

namespace stackheap {

// True for "NAME=PATH" (a definition), false for "NAME" (a choice).
bool is_allocator_definition(std::string_view option);

// `--allocator NAME=PATH`. The library is checked. Throws UserError for a name that is invalid,
// `none` or built in, and for what check_library() refuses. A relative path is made absolute.
Allocator parse_allocator_option(std::string_view option, std::span<const Allocator> builtins);

// A TOML file of [[allocator]] tables with name, library and optionally companions (array of
// paths), description, env (table of text), frees_to_freeing_thread. Relative paths are relative to
// the file's folder. Throws UserError "file:line:column: what was expected".
std::vector<Allocator> read_allocator_file(const std::filesystem::path& file,
                                           std::span<const Allocator> builtins);
// The same from text; `name` is used in messages, relative paths are relative to `folder`.
std::vector<Allocator> parse_allocator_toml(std::string_view text, std::string_view name,
                                            const std::filesystem::path& folder,
                                            std::span<const Allocator> builtins);

// `--allocator-env NAME KEY=VALUE`: adds to or replaces in the environment of the allocator of that
// name. Throws UserError for an unknown name, a malformed key and a variable that would change more
// than the allocator (LD_*, STACKHEAP_*, GLIBC_TUNABLES outside glibc.malloc).
void add_allocator_environment(std::vector<Allocator>& allocators, std::string_view name,
                               std::string_view assignment);

// What is planned: the chosen names in their order, without repetition. No name chosen: all
// built-in rows of the profile (tunings only with `full`) and all of the user's; a built-in row
// without its library stays, as `unavailable`. Throws UserError for an unknown name, for two
// definitions of one name, and, with ExitCode::kMissing, for a chosen allocator that is
// unavailable.
std::vector<Allocator> select_allocators(std::span<const Allocator> builtins,
                                         std::span<const Allocator> user_defined,
                                         std::span<const std::string> chosen, bool full);

}  // namespace stackheap
