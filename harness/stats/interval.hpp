// Estimates: a point with its confidence interval, from order statistics. Student's t would be the
// obvious tool, but bursts of foreign load take all of its power, and the bootstrap of a median
// under-covers at 8 to 24 rounds; order statistics keep their error rate in both.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace stackheap {

inline constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();

// NaN bounds: `n` is too small for the confidence asked for. NaN point: n is 0.
struct Estimate {
  double point = kNoValue;
  double lower = kNoValue;
  double upper = kNoValue;
  std::size_t n = 0;  // values that entered

  bool has_interval() const { return lower <= upper; }
};

// An estimate of a ratio candidate / baseline; all three figures are ratios.
struct RatioEstimate : Estimate {
  std::size_t skipped = 0;  // pairs with a side that is not finite or not positive
};

// Estimates medians at confidence 1 - alpha, 0 < alpha < 1. Remembers the interval's ranks for each
// n, as the binomial tail costs more than sorting a dozen values.
class MedianEstimator {
 public:
  explicit MedianEstimator(double alpha);

  // Sorts `values` (no NaN among them). The interval is that of T. P. Hettmansperger and
  // S. J. Sheather, "Confidence intervals based on interpolated order statistics", Statistics &
  // Probability Letters 4 (1986): between the order statistics c and c + 1 from each end.
  Estimate estimate(std::vector<double>& values);

 private:
  struct Ranks {
    std::size_t c = 0;  // 1-based from each end; 0: n is too small
    double lambda = 0;  // weight of the order statistic c + 1
  };
  Ranks ranks(std::size_t n) const;

  double alpha_;
  std::vector<Ranks> by_n_;
  std::vector<bool> known_;
};

// Median and interval of the values that are not NaN.
Estimate median_estimate(std::span<const double> values, double alpha);

// Collects pairs for ratio_estimate() one by one, with memory that is reused.
class PairedRatio {
 public:
  void add(double candidate, double baseline);
  std::size_t pairs() const { return logs_.size() + skipped_; }
  // At the estimator's confidence. Changes the order of what was collected, not what is estimated.
  RatioEstimate estimate(MedianEstimator& estimator);
  void clear();

 private:
  std::vector<double> logs_;
  std::size_t skipped_ = 0;
};

// exp of the median of log(candidate[i] / baseline[i]) and of its interval: what is estimated is
// the median ratio. The spans are paired by index and equally long.
RatioEstimate ratio_estimate(std::span<const double> candidate, std::span<const double> baseline,
                             double alpha);

// What an error of standard deviation `spread` on the log scale, independent of what the interval
// covers, adds to each half-width at confidence 1 - alpha: z(1 - alpha / 2) x spread, 1.96 x spread
// at 0.05. 0 where `spread` is 0.
double widening(double spread, double alpha);

// Each bound at sqrt(half-width^2 + widening^2) from the point, on the log scale. No interval stays
// none.
RatioEstimate widened(RatioEstimate ratio, double widening);

// The fewest pairs with which an interval at alpha / comparisons exists: 2^(1-n) <= alpha / P.
// median_estimate(values, alpha) has bounds from minimum_rounds(alpha, 1) values on.
std::size_t minimum_rounds(double alpha, std::size_t comparisons);

// Share k / n with the exact binomial interval of C. J. Clopper and E. S. Pearson, Biometrika 26
// (1934), at confidence 1 - alpha. Requires k <= n; for n = 0 the interval is [0, 1].
Estimate clopper_pearson(std::size_t k, std::size_t n, double alpha);

}  // namespace stackheap
