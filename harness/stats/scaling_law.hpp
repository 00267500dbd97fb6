// The universal scalability law, N. J. Gunther, "Guerrilla Capacity Planning" (Springer 2007):
//     X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1))
// sigma is what threads wait for each other (contention), kappa what they pay for each other's
// writes (coherence). With three parameters it bends to anything that few points show, so it is
// fitted from six thread counts on, and never beyond the CPUs, where the scheduler decides.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/stats/interval.hpp"

namespace stackheap {

inline constexpr std::size_t kFewestScalingPoints = 6;

struct ScalingFit {
  double lambda = 0;  // throughput of one thread
  double sigma = 0;   // 0 to 1
  double kappa = 0;   // at least 0
  // Where throughput is highest, sqrt((1 - sigma) / kappa); infinite where kappa is 0.
  double peak_threads() const;
};

// Least squares of N / X, which is linear in 1, N - 1 and N (N - 1), on relative residuals, within
// the bounds of the parameters (each combination of active bounds is tried), reweighted after Huber
// (1964) so that one disturbed point does not bend it. `threads` and `throughput` are equally long,
// all above 0, at least three points.
ScalingFit fit_scaling_law(std::span<const double> threads, std::span<const double> throughput);

// throughput[i][r]: of threads[i] in round r, NaN where there is none.
struct ScalingCurve {
  std::vector<double> threads;  // ascending, all different
  std::vector<std::vector<double>> throughput;
};

struct ScalingLaw {
  Estimate sigma;
  Estimate kappa;
  Estimate peak_threads;   // a bound or point may be infinite: none in sight
  std::string not_fitted;  // why not; empty where it was fitted
};

// Fitted to the medians over rounds. The interval is the percentile interval of a bootstrap over
// rounds (all points of a round together), expanded for few rounds after T. C. Hesterberg, "What
// Teachers Should Know About the Bootstrap", The American Statistician 69 (2015): at quantile
// Phi(-sqrt(n / (n - 1)) t(alpha / 2, n - 1)). The same curve gives the same interval.
ScalingLaw estimate_scaling_law(const ScalingCurve& curve, double alpha);

}  // namespace stackheap
