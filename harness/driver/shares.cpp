#include "harness/driver/shares.hpp"

#include <algorithm>
#include <cmath>

namespace stackheap {
namespace {

struct Speeds {
  double fastest = INFINITY;
  double slowest = 0;
};

}  // namespace

BlockWork work_from_pilots(std::span<const PilotResult> pilots, const WorkRule& rule) {
  std::map<bool, double> slowest_of_block;
  std::map<std::pair<std::string, bool>, Speeds> variants;
  for (const PilotResult& pilot : pilots) {
    const double ns = pilot.window_ns_per_share;
    if (!(ns > 0)) continue;
    double& slowest = slowest_of_block[pilot.oversubscribed];
    slowest = std::max(slowest, ns);
    Speeds& speeds = variants[{pilot.cell.variant, pilot.oversubscribed}];
    speeds.fastest = std::min(speeds.fastest, ns);
    speeds.slowest = std::max(speeds.slowest, ns);
  }
  BlockWork work;
  for (const auto& [key, speeds] : variants) {
    const WorkRule& own = key.second ? kApart : rule;
    double share = std::max(1.0, std::floor(own.slow_window_ns / slowest_of_block[key.second]));
    while (share * speeds.fastest < own.fast_window_ns &&
           2 * share * speeds.slowest <= own.longest_window_ns) {
      share *= 2;
    }
    work.shares[key] = static_cast<std::uint64_t>(share);
  }
  for (const PilotResult& pilot : pilots) {
    const auto share = work.shares.find({pilot.cell.variant, pilot.oversubscribed});
    if (pilot.oversubscribed || share == work.shares.end() || !(pilot.window_ns_per_share > 0)) {
      continue;
    }
    const double window_ns = static_cast<double>(share->second) * pilot.window_ns_per_share;
    work.windows[pilot.cell] =
        static_cast<unsigned>(std::clamp(std::ceil(rule.measured_ns / window_ns),
                                         double(rule.fewest_windows), double(rule.most_windows)));
  }
  return work;
}

}  // namespace stackheap
