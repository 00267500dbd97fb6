#include "harness/cli/run_words.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "harness/allocators/user.hpp"
#include "harness/base/file.hpp"

namespace stackheap {
namespace {

struct TextOption {
  const char* name;
  std::string RunCommandOptions::*value;
  bool is_path = false;
};
constexpr TextOption kTexts[] = {
    {"--profile", &RunCommandOptions::profile},
    {"--allocators", &RunCommandOptions::allocators_file, true},
    {"--threads", &RunCommandOptions::threads},
    {"--rounds", &RunCommandOptions::rounds},
    {"--margin", &RunCommandOptions::margin},
    {"--precision", &RunCommandOptions::precision},
    {"--budget", &RunCommandOptions::budget},
    {"--baseline", &RunCommandOptions::baseline},
    {"--pin", &RunCommandOptions::pin},
    {"--calibration", &RunCommandOptions::calibration, true},
};

struct ListOption {
  const char* name;
  std::vector<std::string> RunCommandOptions::*values;
  bool has_path = false;  // NAME=PATH
};
constexpr ListOption kLists[] = {
    {"--workload", &RunCommandOptions::workloads},
    {"--variant", &RunCommandOptions::variants},
    {"--allocator", &RunCommandOptions::allocators, true},
    {"--parameter", &RunCommandOptions::parameters},
};

std::string portable_path(const std::string& path) {
  return with_home_as_tilde(std::filesystem::absolute(path).string());
}

std::string usable_path(const std::string& path) {
  const char* home = std::getenv("HOME");
  const bool is_below = path == "~" || path.starts_with("~/");
  return is_below && home != nullptr ? home + path.substr(1) : path;
}

// NAME=PATH with another PATH; a NAME as it is.
template <class Change>
std::string with_path(const std::string& allocator, Change&& change) {
  if (!is_allocator_definition(allocator)) return allocator;
  const std::size_t at = allocator.find('=') + 1;
  return allocator.substr(0, at) + change(allocator.substr(at));
}

}  // namespace

std::vector<std::string> words_of(const RunCommandOptions& options) {
  const RunCommandOptions defaults;
  std::vector<std::string> words;
  for (const TextOption& option : kTexts) {
    const std::string& value = options.*option.value;
    if (value == defaults.*option.value) continue;
    words.emplace_back(option.name);
    words.push_back(option.is_path ? portable_path(value) : value);
  }
  for (const ListOption& option : kLists) {
    for (const std::string& value : options.*option.values) {
      words.emplace_back(option.name);
      words.push_back(option.has_path ? with_path(value, portable_path) : value);
    }
  }
  for (const auto& [name, assignment] : options.allocator_environment) {
    words.insert(words.end(), {"--allocator-env", name, assignment});
  }
  if (options.turns) words.emplace_back("--turns");
  return words;
}

RunCommandOptions options_of_words(const std::vector<std::string>& words, const std::string& file) {
  RunCommandOptions options;
  CLI::App app;
  add_run_options(app, options);
  // The library takes them from the back.
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::Error& error) {
    throw UserError(
        fmt::format("{}: options.words: {}; was it edited, or written by another version of "
                    "stackheap?",
                    file, error.what()));
  }
  for (const TextOption& option : kTexts) {
    if (option.is_path) options.*option.value = usable_path(options.*option.value);
  }
  for (std::string& allocator : options.allocators) {
    allocator = with_path(allocator, usable_path);
  }
  return options;
}

}  // namespace stackheap
