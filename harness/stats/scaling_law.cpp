#include "harness/stats/scaling_law.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "harness/base/error.hpp"
#include "harness/base/random.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kResamples = 400;
constexpr std::uint64_t kResampleSeed = 0x75736c;
constexpr std::size_t kFewestRounds = 6;
constexpr int kMostReweightings = 30;
constexpr double kHuber = 1.345;  // 95 % efficient under normal noise

using Row = std::array<double, 3>;

// N / X = a + b (N - 1) + c N (N - 1)
struct Coefficients {
  double a = 0;
  double b = 0;
  double c = 0;
  double at(double n) const { return a + b * (n - 1) + c * n * (n - 1); }
};

// Solves the normal equations of `columns` columns by Gaussian elimination with pivoting; false
// where they are singular.
bool solve(std::array<Row, 3> matrix, Row right, std::size_t columns, Row& solution) {
  for (std::size_t i = 0; i < columns; ++i) {
    std::size_t pivot = i;
    for (std::size_t j = i + 1; j < columns; ++j) {
      if (std::abs(matrix[j][i]) > std::abs(matrix[pivot][i])) pivot = j;
    }
    if (std::abs(matrix[pivot][i]) < 1e-12) return false;
    std::swap(matrix[i], matrix[pivot]);
    std::swap(right[i], right[pivot]);
    for (std::size_t j = i + 1; j < columns; ++j) {
      const double factor = matrix[j][i] / matrix[i][i];
      for (std::size_t k = i; k < columns; ++k) matrix[j][k] -= factor * matrix[i][k];
      right[j] -= factor * right[i];
    }
  }
  for (std::size_t i = columns; i-- > 0;) {
    double rest = right[i];
    for (std::size_t k = i + 1; k < columns; ++k) rest -= matrix[i][k] * solution[k];
    solution[i] = rest / matrix[i][i];
  }
  return true;
}

class Fitter {
 public:
  Fitter(std::span<const double> threads, std::span<const double> throughput) {
    for (std::size_t i = 0; i < threads.size(); ++i) {
      n_.push_back(threads[i]);
      y_.push_back(threads[i] / throughput[i]);
    }
    weights_.assign(n_.size(), 1.0);
  }

  Coefficients fit() {
    Coefficients found = bounded();
    for (int i = 0; i < kMostReweightings; ++i) {
      if (!reweigh(found)) break;
      const Coefficients next = bounded();
      const bool settled = std::abs(next.a - found.a) <= 1e-10 * found.a &&
                           std::abs(next.b - found.b) <= 1e-10 * found.a &&
                           std::abs(next.c - found.c) <= 1e-12 * found.a;
      found = next;
      if (settled) break;
    }
    return found;
  }

 private:
  double residual(const Coefficients& of, std::size_t i) const {
    return (y_[i] - of.at(n_[i])) / y_[i];
  }

  // False where all residuals are as good as 0.
  bool reweigh(const Coefficients& of) {
    std::vector<double> sizes;
    for (std::size_t i = 0; i < n_.size(); ++i) sizes.push_back(std::abs(residual(of, i)));
    std::vector<double> sorted = sizes;
    std::sort(sorted.begin(), sorted.end());
    const double scale = 1.4826 * sorted[sorted.size() / 2];
    if (scale < 1e-9) return false;
    for (std::size_t i = 0; i < n_.size(); ++i) {
      weights_[i] = sizes[i] <= kHuber * scale ? 1 : kHuber * scale / sizes[i];
    }
    return true;
  }

  double cost(const Coefficients& of) const {
    double sum = 0;
    for (std::size_t i = 0; i < n_.size(); ++i) sum += weights_[i] * std::pow(residual(of, i), 2);
    return sum;
  }

  // The best of all combinations of active bounds 0 <= b <= a, c >= 0, which a feasible least
  // squares solution is among.
  Coefficients bounded() const {
    std::optional<Coefficients> best;
    for (const bool free_c : {true, false}) {
      for (const int of_b : {0, 1, 2}) {  // free, 0, a
        const auto found = solve_with(of_b, free_c);
        if (!found || !(found->a > 0)) continue;
        if (found->b < 0 || found->b > found->a || found->c < 0) continue;
        if (!best || cost(*found) < cost(*best)) best = found;
      }
    }
    STACKHEAP_CHECK(best.has_value());  // a alone is always feasible: times are above 0
    return *best;
  }

  std::optional<Coefficients> solve_with(int of_b, bool free_c) const {
    std::array<Row, 3> matrix{};
    Row right{};
    std::size_t columns = 0;
    for (std::size_t i = 0; i < n_.size(); ++i) {
      Row row{};
      columns = 0;
      row[columns++] = (of_b == 2 ? n_[i] : 1) / y_[i];
      if (of_b == 0) row[columns++] = (n_[i] - 1) / y_[i];
      if (free_c) row[columns++] = n_[i] * (n_[i] - 1) / y_[i];
      for (std::size_t j = 0; j < columns; ++j) {
        for (std::size_t k = 0; k < columns; ++k) matrix[j][k] += weights_[i] * row[j] * row[k];
        right[j] += weights_[i] * row[j];
      }
    }
    // Columns of one size each, so that what counts as singular does not depend on units.
    Row scale{};
    for (std::size_t j = 0; j < columns; ++j) scale[j] = std::sqrt(matrix[j][j]);
    for (std::size_t j = 0; j < columns; ++j) {
      for (std::size_t k = 0; k < columns; ++k) matrix[j][k] /= scale[j] * scale[k];
      right[j] /= scale[j];
    }
    Row solution{};
    if (!solve(matrix, right, columns, solution)) return std::nullopt;
    for (std::size_t j = 0; j < columns; ++j) solution[j] /= scale[j];
    Coefficients found{.a = solution[0]};
    std::size_t next = 1;
    if (of_b == 0) found.b = solution[next++];
    if (of_b == 2) found.b = found.a;
    if (free_c) found.c = solution[next];
    return found;
  }

  std::vector<double> n_;
  std::vector<double> y_;
  std::vector<double> weights_;
};

double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

// To the medians of the rounds given; nothing where a point has no value in any of them.
std::optional<ScalingFit> fit_medians(const ScalingCurve& curve,
                                      std::span<const std::size_t> rounds) {
  std::vector<double> medians;
  std::vector<double> values;
  for (const std::vector<double>& point : curve.throughput) {
    values.clear();
    for (const std::size_t round : rounds) {
      if (point[round] > 0 && std::isfinite(point[round])) values.push_back(point[round]);
    }
    if (values.empty()) return std::nullopt;
    medians.push_back(median_of(values));
  }
  return fit_scaling_law(curve.threads, medians);
}

// Point and the bounds at the expanded quantile; infinite values are in order among the others.
Estimate interval_of(double point, std::vector<double>& values, double tail, std::size_t rounds) {
  Estimate estimate{.point = point, .n = rounds};
  if (values.size() < kResamples / 2) return estimate;
  std::sort(values.begin(), values.end());
  const auto at = static_cast<std::size_t>(tail * static_cast<double>(values.size()));
  estimate.lower = std::min(point, values[at]);
  estimate.upper = std::max(point, values[values.size() - 1 - at]);
  return estimate;
}

}  // namespace

double ScalingFit::peak_threads() const {
  return std::sqrt((1 - sigma) / kappa);
}

ScalingFit fit_scaling_law(std::span<const double> threads, std::span<const double> throughput) {
  STACKHEAP_CHECK(threads.size() == throughput.size() && threads.size() >= 3);
  const Coefficients found = Fitter(threads, throughput).fit();
  return {.lambda = 1 / found.a, .sigma = found.b / found.a, .kappa = found.c / found.a};
}

ScalingLaw estimate_scaling_law(const ScalingCurve& curve, double alpha) {
  STACKHEAP_CHECK(alpha > 0 && alpha < 1 && curve.threads.size() == curve.throughput.size());
  ScalingLaw law;
  if (curve.threads.size() < kFewestScalingPoints) {
    law.not_fitted = fmt::format("{} thread counts up to the CPUs, and it takes {}",
                                 curve.threads.size(), kFewestScalingPoints);
    return law;
  }
  std::vector<std::size_t> rounds(curve.throughput.front().size());
  for (std::size_t i = 0; i < rounds.size(); ++i) rounds[i] = i;
  const auto fitted = fit_medians(curve, rounds);
  if (!fitted) {
    law.not_fitted = "a thread count has no sample";
    return law;
  }
  std::vector<double> sigmas;
  std::vector<double> kappas;
  std::vector<double> peaks;
  double tail = 0;
  if (rounds.size() >= kFewestRounds) {
    const auto n = static_cast<double>(rounds.size());
    const double t = boost::math::quantile(boost::math::students_t(n - 1), alpha / 2);
    tail = boost::math::cdf(boost::math::normal(), std::sqrt(n / (n - 1)) * t);
    Random random(kResampleSeed);
    std::vector<std::size_t> drawn(rounds.size());
    for (std::size_t i = 0; i < kResamples; ++i) {
      for (std::size_t& round : drawn) {
        round = random.below(static_cast<std::uint32_t>(rounds.size()));
      }
      const auto resampled = fit_medians(curve, drawn);
      if (!resampled) continue;
      sigmas.push_back(resampled->sigma);
      kappas.push_back(resampled->kappa);
      peaks.push_back(resampled->peak_threads());
    }
  }
  law.sigma = interval_of(fitted->sigma, sigmas, tail, rounds.size());
  law.kappa = interval_of(fitted->kappa, kappas, tail, rounds.size());
  law.peak_threads = interval_of(fitted->peak_threads(), peaks, tail, rounds.size());
  return law;
}

}  // namespace stackheap
