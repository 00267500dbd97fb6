// The order of everything in a run, from its seed alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/driver/plan.hpp"

namespace stackheap {

// The order of one round: a permutation of the blocks, and of each block's cells, from the seed.
struct RoundOrder {
  std::vector<std::size_t> blocks;
  // [i] for blocks[i]; the number of the block's cells stands for its twin.
  std::vector<std::vector<std::size_t>> cells;
};
RoundOrder round_order(const Plan& plan, std::uint64_t seed, unsigned round);

// Shared by all cells of a block in a round, so that they work on the same random numbers.
std::uint64_t block_seed(std::uint64_t seed, std::string_view block, unsigned round);

}  // namespace stackheap
