#include "harness/cli/run_options.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "harness/allocators/table.hpp"
#include "harness/allocators/user.hpp"
#include "harness/base/clock.hpp"
#include "harness/base/file.hpp"
#include "harness/base/random.hpp"
#include "harness/base/text.hpp"
#include "harness/machine/cgroup.hpp"

namespace stackheap {
namespace {

constexpr std::int64_t kMostThreads = 4096;
constexpr std::int64_t kMostRounds = 100'000;
// Of the time that the least rounds take.
constexpr double kBudgetFactor = 5;

std::int64_t parse_in_range(std::string_view option, std::string_view text, std::int64_t least,
                            std::int64_t most, const char* expected) {
  const auto value = parse_integer(trim(text));
  if (!value || *value < least || *value > most) {
    throw UserError(fmt::format("{} {}: expected {}", option, text, expected));
  }
  return *value;
}

std::vector<std::string> names_of(std::span<const Allocator> allocators) {
  std::vector<std::string> names;
  for (const Allocator& allocator : allocators) names.push_back(allocator.name);
  return names;
}

}  // namespace

std::vector<unsigned> parse_threads(std::string_view text, const Topology& topology) {
  if (text.empty()) return {};
  if (text == "auto") return thread_counts_auto(topology.usable_cpus());
  std::vector<unsigned> counts;
  for (const std::string_view part : split(text, ',')) {
    const auto count = static_cast<unsigned>(parse_in_range(
        "--threads", part, 1, kMostThreads,
        "whole numbers from 1 to 4096, separated by commas, or 'auto' for 1, 2, 4 ... CPUs and "
        "2 x CPUs"));
    if (std::find(counts.begin(), counts.end(), count) == counts.end()) counts.push_back(count);
  }
  return counts;
}

unsigned parse_rounds(std::string_view text) {
  return static_cast<unsigned>(
      parse_in_range("--rounds", text, 1, kMostRounds, "a whole number from 1 to 100000"));
}

double parse_percent(std::string_view option, std::string_view text) {
  const auto value = parse_real(text.ends_with('%') ? text.substr(0, text.size() - 1) : text);
  if (!value || *value < 0 || *value >= 100) {
    throw UserError(fmt::format("{} {}: expected percent, from 0 to below 100", option, text));
  }
  return *value / 100;
}

std::optional<Adaptive> choose_adaptive(const RunCommandOptions& options, bool full, double margin,
                                        double first_seconds) {
  const bool wanted = !options.precision.empty() || !options.budget.empty();
  if (!options.rounds.empty()) {
    if (wanted) {
      throw UserError(
          "--rounds is exact, while --precision and --budget add rounds as they are needed: leave "
          "out one or the other");
    }
    return std::nullopt;
  }
  if (!wanted && !full) return std::nullopt;
  Adaptive adaptive{.precision = margin / 2, .budget_seconds = kBudgetFactor * first_seconds};
  if (!options.precision.empty()) {
    adaptive.precision = parse_percent("--precision", options.precision);
  }
  if (adaptive.precision <= 0) {
    throw UserError(
        "--precision: no number of rounds reaches 0; give percent above it, or --margin "
        "above 0, of which it is half by default");
  }
  if (!options.budget.empty()) {
    const auto seconds = parse_duration_seconds(options.budget);
    if (!seconds || *seconds <= 0) {
      throw UserError(
          fmt::format("--budget {}: expected a time such as 90s, 10m or 2h", options.budget));
    }
    adaptive.budget_seconds = *seconds;
  }
  return adaptive;
}

std::optional<Pinning> parse_pinning(std::string_view text) {
  if (text.empty()) return std::nullopt;
  for (const Pinning pinning : {Pinning::kNone, Pinning::kCompact, Pinning::kSpread}) {
    if (to_string(pinning) == text) return pinning;
  }
  throw UserError(fmt::format("--pin {}: expected none, compact or spread", text));
}

std::map<std::string, std::vector<std::int64_t>> parse_parameters(
    std::span<const std::string> options) {
  std::map<std::string, std::vector<std::int64_t>> parameters;
  for (const std::string& option : options) {
    const auto equals = option.find('=');
    const std::string name = option.substr(0, equals);
    if (equals == std::string::npos || !is_valid_name(name)) {
      throw UserError(
          fmt::format("--parameter {}: expected NAME=LIST, for instance size=64,1024", option));
    }
    std::vector<std::int64_t>& values = parameters[name];
    for (const std::string_view part : split(std::string_view(option).substr(equals + 1), ',')) {
      values.push_back(parse_in_range("--parameter " + name, part, 0, INT64_MAX,
                                      "whole numbers from 0 to 2^63 - 1, separated by commas"));
    }
  }
  return parameters;
}

Profile parse_profile_option(std::string_view text) {
  if (const auto profile = parse_profile(text)) return *profile;
  std::vector<std::string> known;
  for (const Profile profile : kProfiles) known.emplace_back(to_string(profile));
  throw UserError(unknown_name_message("profile", text, known, "stackheap list profiles"));
}

std::vector<Allocator> choose_allocators(const RunCommandOptions& options, bool full) {
  std::vector<Allocator> builtins = builtin_allocators(executable_folder());
  std::vector<Allocator> own;
  if (!options.allocators_file.empty()) {
    own = read_allocator_file(options.allocators_file, builtins);
  }
  std::vector<std::string> chosen;
  for (const std::string& option : options.allocators) {
    if (is_allocator_definition(option)) {
      own.push_back(parse_allocator_option(option, builtins));
      chosen.push_back(own.back().name);
    } else {
      chosen.push_back(option);
    }
  }
  std::vector<Allocator> selected = select_allocators(builtins, own, chosen, full);
  for (const auto& [name, assignment] : options.allocator_environment) {
    add_allocator_environment(selected, name, assignment);
  }
  return selected;
}

std::string choose_baseline(std::string_view wanted, std::span<const Allocator> allocators) {
  const std::vector<std::string> names = names_of(allocators);
  const auto is_selected = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!wanted.empty()) {
    if (is_selected(wanted)) return std::string(wanted);
    throw UserError(fmt::format("--baseline {}: it is not among the selected allocators ({})",
                                wanted, fmt::join(names, ", ")));
  }
  return is_selected("glibc") ? "glibc" : names.front();
}

std::uint64_t choose_seed(const std::string& text) {
  if (text.empty()) {
    // 32 bits, so that it can be read aloud.
    return derive_seed(monotonic_ns(), static_cast<std::uint64_t>(::getpid())) >> 32U;
  }
  const auto seed = parse_integer(text);
  if (!seed || *seed < 0) {
    throw UserError(fmt::format("--seed {}: expected a whole number from 0 to 2^63 - 1", text));
  }
  return static_cast<std::uint64_t>(*seed);
}

std::uint64_t available_memory_bytes() {
  std::uint64_t bytes = 0;
  if (const auto text = try_read_file("/proc/meminfo")) {
    constexpr std::string_view kKey = "MemAvailable:";
    const auto at = text->find(kKey);
    if (at != std::string::npos) {
      const std::string_view rest = std::string_view(*text).substr(at + kKey.size());
      const auto kilobytes = parse_integer(trim(rest.substr(0, rest.find("kB"))));
      if (kilobytes) bytes = static_cast<std::uint64_t>(*kilobytes) * 1024;
    }
  }
  if (const auto limit = read_cgroup_limits().memory_bytes) {
    bytes = bytes == 0 ? *limit : std::min(bytes, *limit);
  }
  return bytes;
}

}  // namespace stackheap
