#include "harness/driver/sample_source.hpp"

#include "harness/base/error.hpp"

namespace stackheap {

std::vector<Execution> SampleSource::run_together(std::span<const PlacedRequest>, double) {
  invariant_failed("samples that take turns", __FILE__, __LINE__);
}

}  // namespace stackheap
