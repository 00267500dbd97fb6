#include "harness/allocators/user.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "harness/allocators/environment_rules.hpp"
#include "harness/allocators/library_check.hpp"
#include "harness/base/error.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> names_of(std::span<const Allocator> allocators) {
  std::vector<std::string> names;
  for (const Allocator& allocator : allocators) names.push_back(allocator.name);
  return names;
}

template <class Allocators>
auto find_by_name(Allocators& allocators, std::string_view name) {
  return std::find_if(allocators.begin(), allocators.end(),
                      [name](const Allocator& allocator) { return allocator.name == name; });
}

}  // namespace

bool is_allocator_definition(std::string_view option) {
  return option.find('=') != std::string_view::npos;
}

Allocator parse_allocator_option(std::string_view option, std::span<const Allocator> builtins) {
  const std::size_t at = option.find('=');
  STACKHEAP_CHECK(at != std::string_view::npos);
  const std::string_view name = option.substr(0, at);
  const std::string_view path = option.substr(at + 1);
  const std::string problem = allocator_name_problem(name, builtins);
  if (!problem.empty()) throw UserError(fmt::format("--allocator {}: {}", option, problem));
  if (path.empty()) {
    throw UserError(fmt::format("--allocator {}: no path; write --allocator {}=/path/to/library.so",
                                option, name));
  }
  const fs::path library = fs::absolute(path);
  check_library(library);
  Allocator allocator;
  allocator.name = name;
  allocator.origin = AllocatorOrigin::kUser;
  allocator.description = "from the command line: " + library.string();
  allocator.libraries.push_back(library.string());
  return allocator;
}

void add_allocator_environment(std::vector<Allocator>& allocators, std::string_view name,
                               std::string_view assignment) {
  const auto allocator = find_by_name(allocators, name);
  if (allocator == allocators.end()) {
    throw UserError("--allocator-env: " + unknown_name_message("allocator", name,
                                                               names_of(allocators),
                                                               "stackheap list allocators"));
  }
  const std::size_t at = assignment.find('=');
  if (at == std::string_view::npos) {
    throw UserError(fmt::format("--allocator-env {} {}: expected KEY=VALUE", name, assignment));
  }
  const std::string key(assignment.substr(0, at));
  const std::string value(assignment.substr(at + 1));
  const std::string problem = environment_problem(key, value);
  if (!problem.empty()) {
    throw UserError(fmt::format("--allocator-env {} {}: {}", name, assignment, problem));
  }
  set_environment(*allocator, key, value);
}

std::vector<Allocator> select_allocators(std::span<const Allocator> builtins,
                                         std::span<const Allocator> user_defined,
                                         std::span<const std::string> chosen, bool full) {
  std::vector<Allocator> all(builtins.begin(), builtins.end());
  for (const Allocator& allocator : user_defined) {
    if (find_by_name(all, allocator.name) != all.end()) {
      throw UserError(fmt::format("allocator '{}' is defined twice; give one of them another name",
                                  allocator.name));
    }
    all.push_back(allocator);
  }
  std::vector<Allocator> selected;
  if (chosen.empty()) {
    std::copy_if(all.begin(), all.end(), std::back_inserter(selected),
                 [full](const Allocator& allocator) { return full || !allocator.only_in_full; });
    return selected;
  }
  for (const std::string& name : chosen) {
    const auto allocator = find_by_name(all, name);
    if (allocator == all.end()) {
      throw UserError(
          unknown_name_message("allocator", name, names_of(all), "stackheap list allocators"));
    }
    if (!allocator->unavailable.empty()) {
      throw UserError(
          fmt::format("allocator '{}' is not available here: {}", name, allocator->unavailable),
          ExitCode::kMissing);
    }
    if (find_by_name(selected, name) == selected.end()) selected.push_back(*allocator);
  }
  return selected;
}

}  // namespace stackheap
