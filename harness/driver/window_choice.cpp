#include "harness/driver/window_choice.hpp"

namespace stackheap {
namespace {

// A pilot's windows take about this; long enough that their time can be extrapolated.
constexpr std::uint64_t kPilotTargetNs = 1'500'000;
constexpr std::uint64_t kSmokePilotTargetNs = 1'000'000;

struct Windows {
  unsigned measured;
  unsigned warm_up_minimum;
  unsigned warm_up_maximum;
};
constexpr Windows kNormalWindows{kApart.fewest_windows, 3, 10};
constexpr Windows kTurnWindows{kInTurns.fewest_windows, 10, 30};
constexpr Windows kOversubscribedWindows{4, 1, 3};
constexpr Windows kSmokeWindows{3, 1, 1};
constexpr Windows kPilotWindows{3, 0, 0};
// What comes first in a block is another state of the machine, not a longer time.
constexpr Windows kLeadWindows{3, 1, 3};
// Counts need no interval over windows, and nobody reads the times.
constexpr Windows kInstrumentedWindows{4, 1, 3};

void apply(const Windows& windows, CellRequest& request) {
  request.windows = windows.measured;
  request.warm_up_minimum = windows.warm_up_minimum;
  request.warm_up_maximum = windows.warm_up_maximum;
}

void choose_usual(Profile profile, const PlannedCell& planned, const BlockWork* work,
                  CellRequest& request) {
  const bool is_smoke = profile == Profile::kSmoke;
  apply(is_smoke                 ? kSmokeWindows
        : planned.oversubscribed ? kOversubscribedWindows
        : planned.turns          ? kTurnWindows
                                 : kNormalWindows,
        request);
  if (is_smoke) request.pilot_target_ns = kSmokePilotTargetNs;
  if (work == nullptr) return;
  const auto share = work->shares.find({planned.cell.variant, planned.oversubscribed});
  if (share != work->shares.end()) request.share = share->second;
  const auto windows = work->windows.find(planned.cell);
  if (windows != work->windows.end()) request.windows = windows->second;
}

}  // namespace

void choose_pilot_windows(CellRequest& request) {
  request.pilot_target_ns = kPilotTargetNs;
  apply(kPilotWindows, request);
}

void choose_windows(SampleKind kind, Profile profile, const PlannedCell& planned,
                    const BlockWork* work, CellRequest& request) {
  choose_usual(profile, planned, work, request);
  if (kind == SampleKind::kLead) apply(kLeadWindows, request);
  if (kind == SampleKind::kInstrumented && profile != Profile::kSmoke) {
    apply(kInstrumentedWindows, request);
  }
}

}  // namespace stackheap
