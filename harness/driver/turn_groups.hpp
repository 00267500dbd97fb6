// Which cells of a block run together, taking turns, and in what order.
#pragma once

#include <cstddef>
#include <vector>

#include "harness/model/cell.hpp"

namespace stackheap {

// `order` as round_order() gives it: the number of the block's cells stands for its twin. Cells
// that take turns stand together with all others of as many threads, where the first of them stood;
// any other stands alone.
std::vector<std::vector<std::size_t>> turn_groups(const Block& block,
                                                  const std::vector<std::size_t>& order);

// The cell that an entry of the order stands for.
const PlannedCell& cell_of(const Block& block, std::size_t index);

}  // namespace stackheap
