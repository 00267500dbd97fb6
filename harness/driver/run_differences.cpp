#include "harness/driver/run_differences.hpp"

#include <fmt/format.h>

#include <map>

#include "harness/base/text.hpp"

namespace stackheap {
namespace {

using Texts = std::map<std::string, std::string>;

std::string shown(const std::string& value) {
  return value.empty() ? "none" : value;
}

// "NAME: this and that" for each name that does not have the same text in both.
std::vector<std::string> different(const Texts& one, const Texts& other) {
  Texts names = one;
  names.insert(other.begin(), other.end());
  std::vector<std::string> differences;
  for (const auto& [name, text] : names) {
    const auto a = one.find(name);
    const auto b = other.find(name);
    if (a != one.end() && b != other.end() && a->second == b->second) continue;
    differences.push_back(fmt::format("{}: {} and {}", name,
                                      a == one.end() ? "not there" : shown(a->second),
                                      b == other.end() ? "not there" : shown(b->second)));
  }
  return differences;
}

// ", only the first has heap/pair/size:64": a plan's hash says nothing to a person.
std::string blocks_of_one(const RunFacts& one, const RunFacts& other, const char* which) {
  constexpr std::size_t kShown = 3;
  std::vector<std::string> blocks;
  std::size_t more = 0;
  for (const auto& [block, rounds] : one.block_rounds) {
    if (other.block_rounds.contains(block)) continue;
    if (blocks.size() < kShown) {
      blocks.push_back(block);
    } else {
      ++more;
    }
  }
  if (blocks.empty()) return {};
  return fmt::format("; only the {} has {}{}", which, join(blocks, ", "),
                     more == 0 ? "" : fmt::format(" and {} more blocks", more));
}

}  // namespace

std::vector<std::string> differences_of(const RunFacts& one, const RunFacts& other) {
  std::vector<std::string> differences = different(one.identity, other.identity);
  for (std::string& difference : differences) {
    if (!difference.starts_with("plan: ")) continue;
    difference += blocks_of_one(one, other, "first") + blocks_of_one(other, one, "second");
  }
  return differences;
}

std::vector<std::string> allocator_differences_of(const RunFacts& one, const RunFacts& other) {
  return different(one.allocators, other.allocators);
}

std::vector<std::string> merge_obstacles(const RunFacts& one, const RunFacts& other) {
  std::vector<std::string> obstacles = differences_of(one, other);
  for (const std::string& difference : allocator_differences_of(one, other)) {
    obstacles.push_back("allocator " + difference);
  }
  const auto options = [](const RunFacts& facts) {
    return Texts{{"baseline", facts.baseline_allocator},
                 {"margin", fmt::format("{:g} %", 100 * facts.margin)},
                 {"version of stackheap", facts.version}};
  };
  for (const std::string& difference : different(options(one), options(other))) {
    obstacles.push_back(difference);
  }
  return obstacles;
}

std::vector<std::string> share_differences_of(const RunFacts& one, const RunFacts& other) {
  std::vector<std::string> differences;
  for (const auto& [block, shares] : one.shares) {
    const auto same = other.shares.find(block);
    if (same == other.shares.end()) continue;
    for (const auto& [variant, share] : shares) {
      const auto theirs = same->second.find(variant);
      if (theirs == same->second.end() || theirs->second == share) continue;
      differences.push_back(
          fmt::format("{} ({}: {} and {})", block, variant, share, theirs->second));
      break;
    }
  }
  return differences;
}

}  // namespace stackheap
