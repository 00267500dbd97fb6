#include "harness/driver/sample_source.hpp"

#include "harness/base/error.hpp"

namespace stackheap {

std::vector<Execution> SampleSource::run_together(std::span<const PlacedRequest>, double) {
  invariant_failed("takes_turns()", __FILE__, __LINE__);
}

}  // namespace stackheap
