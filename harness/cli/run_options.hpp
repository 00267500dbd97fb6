// From the words of the command line to what a run needs, strictly: every refusal names the option,
// what was wrong and what would be right, before anything is started.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "harness/cli/commands.hpp"
#include "harness/driver/plan.hpp"
#include "harness/machine/topology.hpp"

namespace stackheap {

// "1,2,8" or "auto" (1, 2, 4 ... CPUs, 2 x CPUs); empty text: empty list.
std::vector<unsigned> parse_threads(std::string_view text, const Topology& topology);
// A whole number from 1 to 100,000.
unsigned parse_rounds(std::string_view text);
// Empty: one from the clock, of 32 bits, so that it can be read aloud.
std::uint64_t choose_seed(const std::string& text);
// Percent, from 0 below 100, as a fraction; `option` for the message.
double parse_percent(std::string_view option, std::string_view text);

// When an adaptive run may stop; nothing where the number of rounds is fixed: by --rounds, or
// because neither a precision nor a budget is given and the profile is not `full`. `first_seconds`
// are those of the least number of rounds. Throws UserError for --rounds beside the others.
struct Adaptive {
  double precision = 0.01;
  double budget_seconds = 0;
};
std::optional<Adaptive> choose_adaptive(const RunCommandOptions& options, bool full, double margin,
                                        double first_seconds);
std::optional<Pinning> parse_pinning(std::string_view text);
// "size=64,1024" for each.
std::map<std::string, std::vector<std::int64_t>> parse_parameters(
    std::span<const std::string> options);
Profile parse_profile_option(std::string_view text);

// The allocators to plan for, and the baseline among them: glibc, else the first.
std::vector<Allocator> choose_allocators(const RunCommandOptions& options, bool full);
std::string choose_baseline(std::string_view wanted, std::span<const Allocator> allocators);

// What a run may use: the memory that is available, less where a cgroup allows less. 0: unknown.
std::uint64_t available_memory_bytes();

}  // namespace stackheap
