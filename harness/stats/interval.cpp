#include "harness/stats/interval.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>

#include "harness/base/error.hpp"

namespace stackheap {
namespace {

using Binomial = boost::math::binomial_distribution<double>;

double median_of_sorted(std::span<const double> sorted) {
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// P(Bin(n, 1/2) <= k).
double fair_coin_cdf(std::size_t n, std::size_t k) {
  return boost::math::cdf(Binomial(static_cast<double>(n), 0.5), static_cast<double>(k));
}

// Confidence of the interval between the order statistics j from each end, j >= 1.
double confidence(std::size_t n, std::size_t j) {
  return 1 - 2 * fair_coin_cdf(n, j - 1);
}

}  // namespace

MedianEstimator::MedianEstimator(double alpha) : alpha_(alpha) {
  STACKHEAP_CHECK(alpha > 0 && alpha < 1);
}

MedianEstimator::Ranks MedianEstimator::ranks(std::size_t n) const {
  if (n < minimum_rounds(alpha_, 1)) return {};
  const double wanted = 1 - alpha_;
  // The largest c whose interval still has the confidence: near the tail's quantile, then exact.
  const double near = boost::math::quantile(Binomial(static_cast<double>(n), 0.5), alpha_ / 2);
  std::size_t c = std::clamp<std::size_t>(static_cast<std::size_t>(std::max(near, 1.0)), 1, n / 2);
  while (c > 1 && 2 * fair_coin_cdf(n, c - 1) > alpha_) --c;
  while (c < n / 2 && 2 * fair_coin_cdf(n, c) <= alpha_) ++c;
  const double at_c = confidence(n, c);
  const double beyond = confidence(n, c + 1);
  const double part = (at_c - wanted) / (at_c - beyond);
  const auto rank = static_cast<double>(c);
  const auto count = static_cast<double>(n);
  const double lambda = (count - rank) * part / (rank + (count - 2 * rank) * part);
  return {.c = c, .lambda = std::clamp(lambda, 0.0, 1.0)};
}

Estimate MedianEstimator::estimate(std::vector<double>& values) {
  const std::size_t n = values.size();
  if (n == 0) return {};
  std::sort(values.begin(), values.end());
  Estimate result{.point = median_of_sorted(values), .n = n};
  if (n >= by_n_.size()) {
    by_n_.resize(n + 1);
    known_.resize(n + 1, false);
  }
  if (!known_[n]) {
    by_n_[n] = ranks(n);
    known_[n] = true;
  }
  const auto [c, lambda] = by_n_[n];
  if (c == 0) return result;
  result.lower = (1 - lambda) * values[c - 1] + lambda * values[c];
  result.upper = (1 - lambda) * values[n - c] + lambda * values[n - c - 1];
  return result;
}

Estimate median_estimate(std::span<const double> values, double alpha) {
  std::vector<double> present;
  std::copy_if(values.begin(), values.end(), std::back_inserter(present),
               [](double value) { return !std::isnan(value); });
  return MedianEstimator(alpha).estimate(present);
}

RatioEstimate ratio_estimate(std::span<const double> candidate, std::span<const double> baseline,
                             double alpha) {
  STACKHEAP_CHECK(candidate.size() == baseline.size());
  PairedRatio ratio;
  for (std::size_t i = 0; i < candidate.size(); ++i) ratio.add(candidate[i], baseline[i]);
  MedianEstimator estimator(alpha);
  return ratio.estimate(estimator);
}

void PairedRatio::add(double candidate, double baseline) {
  const auto usable = [](double value) { return std::isfinite(value) && value > 0; };
  if (usable(candidate) && usable(baseline)) {
    logs_.push_back(std::log(candidate / baseline));
  } else {
    ++skipped_;
  }
}

RatioEstimate PairedRatio::estimate(MedianEstimator& estimator) {
  RatioEstimate result{estimator.estimate(logs_), skipped_};
  result.point = std::exp(result.point);
  result.lower = std::exp(result.lower);
  result.upper = std::exp(result.upper);
  return result;
}

void PairedRatio::clear() {
  logs_.clear();
  skipped_ = 0;
}

double widening(double spread, double alpha) {
  STACKHEAP_CHECK(spread >= 0 && alpha > 0 && alpha < 1);
  return spread * boost::math::quantile(boost::math::normal(), 1 - alpha / 2);
}

RatioEstimate widened(RatioEstimate ratio, double widening) {
  if (!ratio.has_interval() || widening == 0) return ratio;
  const double point = std::log(ratio.point);
  ratio.lower = std::exp(point - std::hypot(point - std::log(ratio.lower), widening));
  ratio.upper = std::exp(point + std::hypot(std::log(ratio.upper) - point, widening));
  return ratio;
}

std::size_t minimum_rounds(double alpha, std::size_t comparisons) {
  STACKHEAP_CHECK(alpha > 0 && alpha < 1 && comparisons > 0);
  const double each = alpha / static_cast<double>(comparisons);
  std::size_t n = 1;
  while (std::ldexp(1.0, 1 - static_cast<int>(n)) > each) ++n;
  return n;
}

Estimate clopper_pearson(std::size_t k, std::size_t n, double alpha) {
  STACKHEAP_CHECK(k <= n && alpha > 0 && alpha < 1);
  if (n == 0) return {.lower = 0, .upper = 1};
  const auto successes = static_cast<double>(k);
  const auto trials = static_cast<double>(n);
  return {.point = successes / trials,
          .lower = Binomial::find_lower_bound_on_p(trials, successes, alpha / 2),
          .upper = k == n ? 1 : Binomial::find_upper_bound_on_p(trials, successes, alpha / 2),
          .n = n};
}

}  // namespace stackheap
