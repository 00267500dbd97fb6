// Families of comparisons: which cells are set against which baseline. All pairs would be the
// obvious table, but every comparison more widens all intervals of its family.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/stats/sample_table.hpp"

namespace stackheap {

struct Family {
  std::string block;
  std::string name;                     // "allocators/malloc/threads:2" or "variants/threads:2"
  std::size_t baseline = 0;             // index in the table
  std::vector<std::size_t> candidates;  // never empty; in the table's order
};

struct Baselines {
  std::string allocator;
  std::map<std::string, std::string, std::less<>> variants;  // of each workload
};

// In each block and for each thread count: (a) for each variant, its allocators against the
// baseline allocator; (b) the variants against the workload's baseline variant, each on the
// baseline allocator or on none. Without the baseline's cell there is no family.
std::vector<Family> find_families(const SampleTable& table, const Baselines& baselines);

}  // namespace stackheap
