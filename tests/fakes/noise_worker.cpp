// A worker that measures nothing: it reports times whose noise is known, at once, so that a run of
// a thousand samples takes seconds. Two workloads that differ only in their noise, and an anchor.
//   fake/steady  base 100 ns, ten-percent 110 ns, twice 200 ns: always
//   fake/noisy   the same means, each sample off by up to 40 % either way, by its process
#include <unistd.h>

#include <string_view>

#include "harness/base/clock.hpp"
#include "harness/base/file.hpp"
#include "harness/base/random.hpp"
#include "harness/base/text.hpp"
#include "harness/model/cell_request.hpp"
#include "harness/model/sample.hpp"
#include "harness/model/workload_info.hpp"

namespace {

using namespace stackheap;

WorkloadInfo workload_of(const char* name) {
  WorkloadInfo info;
  info.name = name;
  info.summary = "Reports times of known noise";
  info.operation = "nothing";
  info.variants = {{.name = "base", .description = "100 ns", .uses_heap = false},
                   {.name = "ten-percent", .description = "110 ns", .uses_heap = false},
                   {.name = "twice", .description = "200 ns", .uses_heap = false}};
  info.baseline_variant = "base";
  info.threads = {.minimum = 1, .maximum = 1};
  info.smoke = {{.threads = TierThreads::kOne}};
  info.quick = info.smoke;
  info.expected_seconds = 0.001;
  info.piloted = false;
  return info;
}

WorkloadInfo anchor() {
  WorkloadInfo info = workload_of("anchor/fake");
  info.variants.resize(1);
  info.smoke.clear();
  info.quick.clear();
  info.anchor = true;
  return info;
}

double nanoseconds(const CellRequest& request) {
  const double mean = request.variant == "base"          ? 100
                      : request.variant == "ten-percent" ? 110
                                                         : 200;
  if (request.workload != "fake/noisy") return mean;
  Random random(derive_seed(request.seed, monotonic_ns() ^ static_cast<unsigned>(::getpid())));
  return mean * (0.6 + 0.8 * random.below(1U << 20U) / (1U << 20U));
}

WorkerResult result_of(const CellRequest& request) {
  const double time = nanoseconds(request);
  WorkerResult result;
  result.share = 100;
  result.operations = 100;
  result.windows = {{static_cast<std::uint64_t>(100 * time), 100}};
  result.metrics = {{"ns_per_op", std::to_string(time)}};
  return result;
}

}  // namespace

int main(int count, char** arguments) {
  std::string cell;
  int result_fd = -1;
  for (int i = 1; i + 1 < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--cell") cell = arguments[i + 1];
    if (argument == "--result-fd") {
      result_fd = static_cast<int>(parse_integer(arguments[i + 1]).value_or(-1));
    }
  }
  const std::string document =
      cell.empty()
          ? workloads_to_json({workload_of("fake/steady"), workload_of("fake/noisy"), anchor()})
          : worker_result_to_json(result_of(cell_request_from_json(cell)));
  write_all(result_fd, document, "the result descriptor");
  return 0;
}
