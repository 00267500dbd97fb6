#include "harness/stats/trials.hpp"

#include <algorithm>
#include <cmath>

#include "harness/stats/stopping.hpp"

namespace stackheap {

std::vector<double> log_ratios(const Bank& bank, SidePair sides, std::size_t begin, std::size_t end,
                               std::size_t summary) {
  std::vector<double> logs;
  for (std::size_t i = begin; i < end; ++i) {
    const auto& candidate = bank.rounds[i].sides[sides.candidate];
    const auto& baseline = bank.rounds[i].sides[sides.baseline];
    if (candidate && baseline)
      logs.push_back(std::log((*candidate)[summary] / (*baseline)[summary]));
  }
  return logs;
}

Bank rounds_with(const Bank& bank, std::size_t side) {
  Bank result = bank;
  std::erase_if(result.rounds, [&](const BankRound& round) { return !round.sides[side]; });
  return result;
}

void Tally::add(std::uint64_t session, bool was_so) {
  Count& count = by_session_[session];
  k_ += was_so ? 1 : 0;
  count.k += was_so ? 1 : 0;
  ++n_;
  ++count.n;
}

Estimate Tally::share() const {
  return clopper_pearson(k_, n_, kExactAlpha);
}

std::optional<Estimate> Tally::clustered() const {
  const auto sessions = static_cast<double>(by_session_.size());
  if (sessions < 2) return std::nullopt;
  const auto trials = static_cast<double>(n_);
  Estimate result{.point = static_cast<double>(k_) / trials, .n = n_};
  double residuals = 0;
  for (const auto& [session, count] : by_session_) {
    const double expected = result.point * static_cast<double>(count.n);
    residuals += std::pow(static_cast<double>(count.k) - expected, 2);
  }
  const double error = std::sqrt(residuals * sessions / (sessions - 1)) / trials;
  result.lower = std::max(0.0, result.point - widening(error, kExactAlpha));
  result.upper = result.point + widening(error, kExactAlpha);
  return result;
}

}  // namespace stackheap
