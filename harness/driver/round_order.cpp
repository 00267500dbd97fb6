#include "harness/driver/round_order.hpp"

#include "harness/base/random.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace {

std::vector<std::size_t> permutation(std::size_t size, Random& random) {
  std::vector<std::size_t> indices(size);
  for (std::size_t i = 0; i < size; ++i) indices[i] = i;
  shuffle(indices, random);
  return indices;
}

}  // namespace

RoundOrder round_order(const Plan& plan, std::uint64_t seed, unsigned round) {
  Random random(derive_seed(seed, round));
  RoundOrder order;
  order.blocks = permutation(plan.blocks.size(), random);
  for (const std::size_t block : order.blocks) {
    const Block& members = plan.blocks[block];
    order.cells.push_back(permutation(members.cells.size() + (members.twin ? 1 : 0), random));
  }
  return order;
}

std::uint64_t block_seed(std::uint64_t seed, std::string_view block, unsigned round) {
  // 53 bits, so that every reader of the CSV keeps it exactly.
  return derive_seed(seed ^ stable_hash(block), round) >> 11U;
}

}  // namespace stackheap
