// A chain of multiplications in one register: how fast the processor itself runs at the moment
//
// An anchor: it uses no memory, no kernel and no allocator, so when its time changes from round to
// round, the machine has changed: its clock, or the share of the core that a neighbour on the same
// host or hyper-thread leaves. It is run once a round, outside every comparison, and a run tells
// how far it drifted.
//
// One operation: one step of a linear congruential generator, a multiplication and an addition that
// wait for the step before (multiplier and increment of D. E. Knuth, "The Art of Computer
// Programming" vol. 2, 3.3.4). Where n steps end is also computed by doubling, in the logarithm of
// n steps, and compared.
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kMultiplier = 6364136223846793005U;
constexpr std::uint64_t kIncrement = 1442695040888963407U;

// Where `state` is after n steps: n steps are themselves a step with another multiplier and
// increment.
std::uint64_t advance(std::uint64_t state, std::uint64_t n) {
  std::uint64_t multiplier = kMultiplier;
  std::uint64_t increment = kIncrement;
  for (; n != 0; n >>= 1U) {
    if ((n & 1U) != 0) state = state * multiplier + increment;
    increment *= multiplier + 1;
    multiplier *= multiplier;
  }
  return state;
}

class Registers {
 public:
  explicit Registers(const CellSpec& spec) : seed_(spec.seed), state_(spec.seed) {}

  void setup(Lane&) {
    if (planted_fault() == Fault::kDrop) ++done_;
  }

  void step(Lane& lane, std::uint64_t n) {
    std::uint64_t state = state_;
    for (std::uint64_t i = 0; i != n; ++i) {
      state = state * kMultiplier + kIncrement;
      escape(state);  // gcc knows how to compute several steps at once
    }
    state_ = state;
    done_ += n;
    lane.counter += n;
  }

  void verify(Lane&) {
    if (planted_fault() == Fault::kFlipByte) state_ ^= 0xffU;
    if (state_ != advance(seed_, done_)) {
      throw CheckFailed("anchor/registers: the chain does not end where its steps lead");
    }
  }

 private:
  std::uint64_t seed_;
  std::uint64_t state_;
  std::uint64_t done_ = 0;
};

const Registration kRegistration{
    {
        .name = "anchor/registers",
        .summary =
            "A chain of multiplications in one register: how fast the processor itself runs at the "
            "moment",
        .operation = "one multiplication and addition that wait for the step before",
        .shape = Shape::kWindowed,
        .variants = {{.name = "chain", .description = "one register", .uses_heap = false}},
        .baseline_variant = "chain",
        .threads = {.maximum = 1},
        .anchor = true,
    },
    make_workload<Registers>};

}  // namespace
}  // namespace stackheap
