#include "harness/driver/turn_groups.hpp"

#include <map>

namespace stackheap {

const PlannedCell& cell_of(const Block& block, std::size_t index) {
  return block.cells[index == block.cells.size() ? *block.twin : index];
}

std::vector<std::vector<std::size_t>> turn_groups(const Block& block,
                                                  const std::vector<std::size_t>& order) {
  std::vector<std::vector<std::size_t>> groups;
  std::map<unsigned, std::size_t> by_threads;
  for (const std::size_t index : order) {
    const PlannedCell& planned = cell_of(block, index);
    if (!planned.turns) {
      groups.push_back({index});
      continue;
    }
    const auto [at, is_new] = by_threads.try_emplace(planned.cell.threads, groups.size());
    if (is_new) groups.emplace_back();
    groups[at->second].push_back(index);
  }
  return groups;
}

}  // namespace stackheap
