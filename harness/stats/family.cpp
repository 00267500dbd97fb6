#include "harness/stats/family.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "harness/model/allocator.hpp"

namespace stackheap {
namespace {

using Indices = std::vector<std::size_t>;

template <class IsBaseline>
void append_family(const SampleTable& table, const Indices& members, const std::string& name,
                   IsBaseline is_baseline, std::vector<Family>& families) {
  const auto baseline = std::find_if(members.begin(), members.end(), [&](std::size_t index) {
    return is_baseline(table.cell(index).cell);
  });
  if (baseline == members.end() || members.size() < 2) return;
  Family family{
      .block = table.cell(*baseline).block, .name = name, .baseline = *baseline, .candidates = {}};
  std::copy_if(members.begin(), members.end(), std::back_inserter(family.candidates),
               [&](std::size_t index) { return index != *baseline; });
  families.push_back(std::move(family));
}

}  // namespace

std::vector<Family> find_families(const SampleTable& table, const Baselines& baselines) {
  using ByVariant = std::tuple<std::string, std::string, unsigned>;  // block, variant, threads
  using ByThreads = std::pair<std::string, unsigned>;                // block, threads
  std::map<ByVariant, Indices> same_variant;
  std::map<ByThreads, Indices> same_allocator;
  std::map<std::string, std::size_t> block_order;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const TableCell& entry = table.cell(i);
    if (entry.twin_of) continue;
    block_order.emplace(entry.block, i);
    const bool no_heap = entry.cell.allocator == kNoAllocator;
    if (!no_heap) {
      same_variant[{entry.block, entry.cell.variant, entry.cell.threads}].push_back(i);
    }
    if (no_heap || entry.cell.allocator == baselines.allocator) {
      same_allocator[{entry.block, entry.cell.threads}].push_back(i);
    }
  }

  std::vector<Family> families;
  for (const auto& [key, members] : same_variant) {
    append_family(
        table, members, fmt::format("allocators/{}/threads:{}", std::get<1>(key), std::get<2>(key)),
        [&](const Cell& cell) { return cell.allocator == baselines.allocator; }, families);
  }
  for (const auto& [key, members] : same_allocator) {
    const auto baseline = baselines.variants.find(table.cell(members.front()).cell.workload);
    if (baseline == baselines.variants.end()) continue;
    append_family(
        table, members, fmt::format("variants/threads:{}", key.second),
        [&](const Cell& cell) { return cell.variant == baseline->second; }, families);
  }
  // Block after block, in the order in which the blocks entered the table.
  std::stable_sort(families.begin(), families.end(), [&](const Family& a, const Family& b) {
    return block_order[a.block] < block_order[b.block];
  });
  return families;
}

}  // namespace stackheap
