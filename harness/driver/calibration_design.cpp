#include "harness/driver/calibration_design.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/error.hpp"
#include "harness/stats/bank.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::uint64_t kShareStep = 200;

constexpr bool makes_whole_operations(std::uint64_t step) {
  return std::all_of(kSlowdownsPpm.begin(), kSlowdownsPpm.end(),
                     [&](unsigned ppm) { return step * ppm % kMillion == 0; });
}
static_assert(makes_whole_operations(kShareStep));

// A fast path, a working set and blocks that wander, each by itself and shared. Short windows and
// few of them make a trial cheap, and bring the two processes of a pair near to each other in time.
constexpr CalibrationDesign kApart{.window_ns = 2'000'000,
                                   .windows = 4,
                                   .warm_up = 1,
                                   .cells = {{
                                       {"heap/pair", "malloc", 64, false},
                                       {"heap/slots", "malloc", 1024, true},
                                       {"heap/slots", "malloc", 1024, false},
                                       {"threads/larson", "new-delete", 0, true},
                                       {"threads/larson", "new-delete", 0, false},
                                       {"heap/pair", "malloc", 64, true},
                                   }}};

// The shorter the window, the more alike are the moments that are compared. With 0.2 ms the ratio
// of two processes scattered by 0.9 %, with 0.5 ms by 1.1 % and with 2 ms by 2.2 % where one after
// the other it was 5.9 %. What is left is mostly the process's own, from where its memory came to
// lie, so many short processes find more in the same time than few long ones: of heap/pair on 1
// thread 4.5 % were left with 100 windows, 4.7 % with 25, in less than half of the time. With 12
// and fewer the others scattered more than that saved.
//
// No threads/larson: it starts a thread in each window, which then holds 16 operations. A window
// has to be made of its operations alone, or more of them would not be as much slower. Blocks that
// wander are those of threads/handoff; in place of its single thread stands a container.
constexpr CalibrationDesign kInTurns{.window_ns = 200'000,
                                     .windows = 25,
                                     .warm_up = 5,
                                     .cells = {{
                                         {"heap/pair", "malloc", 64, false},
                                         {"heap/slots", "malloc", 1024, true},
                                         {"heap/slots", "malloc", 1024, false},
                                         {"threads/handoff", "malloc", 50, true},
                                         {"heap/maps", "unordered-map", 1000, false},
                                         {"heap/pair", "malloc", 64, true},
                                     }}};

const WorkloadInfo& find_workload(const CalibrationCell& cell,
                                  std::span<const WorkloadInfo> workloads) {
  const auto info = std::find_if(workloads.begin(), workloads.end(),
                                 [&](const WorkloadInfo& w) { return w.name == cell.workload; });
  if (info == workloads.end() || info->find_variant(cell.variant) == nullptr) {
    throw UserError(
        fmt::format("calibrate needs the workload {} with the variant {}, which this "
                    "worker does not have; leave out --worker",
                    cell.workload, cell.variant));
  }
  return *info;
}

}  // namespace

std::string CalibrationCell::label(const std::string& allocator) const {
  std::string text = fmt::format("{}/{}/{}", workload, variant, allocator);
  if (parameter != 0) text += fmt::format("/{}", parameter);
  return text;
}

const CalibrationDesign& calibration_design(bool turns) {
  return turns ? kInTurns : kApart;
}

unsigned threads_of(const CalibrationCell& cell, std::span<const WorkloadInfo> workloads,
                    unsigned usable_cpus) {
  return std::max(find_workload(cell, workloads).threads.minimum, cell.all_cpus ? usable_cpus : 1);
}

std::uint64_t divisible_share(std::uint64_t share) {
  return std::max(share / kShareStep, std::uint64_t{1}) * kShareStep;
}

std::uint64_t share_of_side(std::size_t side, std::uint64_t share) {
  STACKHEAP_CHECK(share % kShareStep == 0);
  return share + share / kShareStep * (kShareStep * slowdown_ppm(side) / kMillion);
}

}  // namespace stackheap
