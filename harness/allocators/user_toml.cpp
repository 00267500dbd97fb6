#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "harness/allocators/environment_rules.hpp"
#include "harness/allocators/library_check.hpp"
#include "harness/allocators/user.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

// What reading one file needs everywhere.
struct Context {
  std::string_view file;
  const fs::path& folder;
  std::span<const Allocator> builtins;

  [[noreturn]] void fail(const toml::source_region& place, std::string_view expected) const {
    throw UserError(
        fmt::format("{}:{}:{}: {}", file, place.begin.line, place.begin.column, expected));
  }
  [[noreturn]] void fail(const toml::node& node, std::string_view expected) const {
    fail(node.source(), expected);
  }

  std::string text(const toml::node& node, std::string_view what) const {
    const auto* value = node.as_string();
    if (value == nullptr) fail(node, fmt::format("expected {} as text in quotes", what));
    return value->get();
  }
  // Absolute, checked.
  std::string library(const toml::node& node, std::string_view what, LibraryRole role) const {
    const std::string written = text(node, what);
    if (written.empty()) fail(node, fmt::format("expected {}, found empty text", what));
    if (written.find('\0') != std::string::npos) {
      fail(node, fmt::format("expected {}, found a NUL character", what));
    }
    const fs::path path = fs::absolute(folder / written);
    const std::string problem = library_problem(path, role);
    if (!problem.empty()) {
      fail(node, fmt::format("expected {} that can be loaded, but {}", what, problem));
    }
    return path.string();
  }
};

void read_companions(const Context& context, const toml::node& node, Allocator& allocator) {
  const toml::array* companions = node.as_array();
  if (companions == nullptr) {
    context.fail(node, "expected companions as an array of paths, [\"/path/lib.so\"]");
  }
  for (const toml::node& companion : *companions) {
    allocator.companions.push_back(
        context.library(companion, "a companion library", LibraryRole::kCompanion));
  }
}

void read_environment(const Context& context, const toml::node& node, Allocator& allocator) {
  const toml::table* variables = node.as_table();
  if (variables == nullptr) context.fail(node, "expected env as a table, {KEY = \"value\"}");
  for (const auto& [key, value] : *variables) {
    const std::string text = context.text(value, "a variable's value");
    const std::string problem = environment_problem(key.str(), text);
    if (!problem.empty()) context.fail(key.source(), problem);
    set_environment(allocator, std::string(key.str()), text);
  }
}

Allocator read_allocator(const Context& context, const toml::table& table) {
  Allocator allocator;
  allocator.origin = AllocatorOrigin::kUser;
  for (const auto& [key, value] : table) {
    if (key == "name") {
      allocator.name = context.text(value, "a name");
      const std::string problem = allocator_name_problem(allocator.name, context.builtins);
      if (!problem.empty()) context.fail(value, problem);
    } else if (key == "library") {
      allocator.libraries.push_back(
          context.library(value, "the allocator's library", LibraryRole::kAllocator));
    } else if (key == "companions") {
      read_companions(context, value, allocator);
    } else if (key == "description") {
      allocator.description = context.text(value, "a description");
    } else if (key == "env") {
      read_environment(context, value, allocator);
    } else if (key == "frees_to_freeing_thread") {
      const auto* flag = value.as_boolean();
      if (flag == nullptr) context.fail(value, "expected true or false");
      allocator.frees_to_freeing_thread = flag->get();
    } else {
      context.fail(key.source(),
                   fmt::format("expected name, library, companions, description, env or "
                               "frees_to_freeing_thread, found '{}'",
                               key.str()));
    }
  }
  if (allocator.name.empty()) context.fail(table, "expected a name in this [[allocator]]");
  if (allocator.libraries.empty()) {
    context.fail(table, fmt::format("expected a library for '{}'", allocator.name));
  }
  if (allocator.description.empty()) {
    allocator.description = fmt::format("from {}: {}", context.file, allocator.libraries.front());
  }
  return allocator;
}

toml::table parse(std::string_view text, std::string_view name) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    throw UserError(fmt::format("{}:{}:{}: {}", name, error.source().begin.line,
                                error.source().begin.column, error.description()));
  }
}

}  // namespace

std::vector<Allocator> parse_allocator_toml(std::string_view text, std::string_view name,
                                            const fs::path& folder,
                                            std::span<const Allocator> builtins) {
  const Context context{name, folder, builtins};
  const toml::table document = parse(text, name);
  std::vector<Allocator> allocators;
  for (const auto& [key, value] : document) {
    const toml::array* tables = value.as_array();
    if (key != "allocator" || tables == nullptr) {
      context.fail(key.source(), fmt::format("expected [[allocator]], found '{}'", key.str()));
    }
    for (const toml::node& element : *tables) {
      const toml::table* table = element.as_table();
      if (table == nullptr) context.fail(element, "expected a table in [[allocator]]");
      Allocator allocator = read_allocator(context, *table);
      const bool repeated =
          std::any_of(allocators.begin(), allocators.end(),
                      [&](const Allocator& other) { return other.name == allocator.name; });
      if (repeated) {
        context.fail(*table,
                     fmt::format("expected another name, '{}' is defined above", allocator.name));
      }
      allocators.push_back(std::move(allocator));
    }
  }
  if (allocators.empty()) {
    throw UserError(fmt::format("{}:1:1: expected at least one [[allocator]]", name));
  }
  return allocators;
}

std::vector<Allocator> read_allocator_file(const fs::path& file,
                                           std::span<const Allocator> builtins) {
  std::error_code error;
  if (fs::is_directory(file, error)) {
    throw UserError(
        fmt::format("--allocators {}: is a directory; give a TOML file", file.string()));
  }
  const auto text = try_read_file(file);
  if (!text) {
    throw UserError(fmt::format("--allocators {}: cannot be read; give the path of a TOML file",
                                file.string()));
  }
  return parse_allocator_toml(*text, file.string(), fs::absolute(file).parent_path(), builtins);
}

}  // namespace stackheap
