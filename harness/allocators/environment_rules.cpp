#include "harness/allocators/environment_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "harness/allocators/tuning.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace {

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool is_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

}  // namespace

std::string allocator_name_problem(std::string_view name, std::span<const Allocator> builtins) {
  if (!is_valid_name(name)) {
    return fmt::format("'{}' is no valid name; use 1 to 64 of A-Z a-z 0-9 . _ + -", name);
  }
  if (name == kNoAllocator) {
    return fmt::format("the name '{}' stands for cells without a heap; use another", name);
  }
  for (const Allocator& builtin : builtins) {
    if (builtin.name == name) {
      return fmt::format(
          "'{0}' is built in and would be shadowed; use another name, such as my-{0}", name);
    }
  }
  return {};
}

std::string environment_problem(std::string_view key, std::string_view value) {
  const bool well_formed =
      !key.empty() && is_letter(key.front()) && std::all_of(key.begin(), key.end(), [](char c) {
        return is_letter(c) || (c >= '0' && c <= '9');
      });
  if (!well_formed) {
    return fmt::format(
        "'{}' is no variable's name; use letters, digits and _, beginning with no digit", key);
  }
  if (value.find('\0') != std::string_view::npos) {
    return fmt::format("the value of {} holds a NUL character", key);
  }
  if (starts_with(key, "LD_")) {
    return fmt::format(
        "{} belongs to the dynamic linker and would change what is loaded; give the library as the "
        "allocator's instead",
        key);
  }
  if (starts_with(key, "STACKHEAP_")) {
    return fmt::format("{} is reserved for stackheap itself", key);
  }
  if (key == "GLIBC_TUNABLES") {
    for (const std::string_view tunable : split(value, ':')) {
      if (!starts_with(tunable, "glibc.malloc.")) {
        return fmt::format(
            "'{}' changes the C library beyond its malloc; only glibc.malloc.* can be set",
            tunable);
      }
    }
  }
  return {};
}

bool is_allocator_variable(std::string_view key) {
  constexpr std::string_view kPrefixes[] = {"GLIBC_TUNABLES", "MALLOC_",   "MIMALLOC_",
                                            "TCMALLOC_",      "SCUDO_",    "TBB_MALLOC_",
                                            "_RJEM_MALLOC_",  "JE_MALLOC_"};
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [key](std::string_view prefix) { return starts_with(key, prefix); });
}

void set_environment(Allocator& allocator, const std::string& key, const std::string& value) {
  const auto existing =
      std::find_if(allocator.environment.begin(), allocator.environment.end(),
                   [&key](const auto& variable) { return variable.first == key; });
  if (existing != allocator.environment.end()) {
    existing->second = value;
  } else {
    allocator.environment.emplace_back(key, value);
  }
  allocator.unproven_tuning = std::any_of(
      allocator.environment.begin(), allocator.environment.end(),
      [](const auto& variable) { return !can_read_back(variable.first, variable.second); });
}

}  // namespace stackheap
