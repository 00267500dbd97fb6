// Trials: stretches of rounds cut from banks, each judged as a run of so many rounds would be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "harness/stats/bank.hpp"
#include "harness/stats/interval.hpp"

namespace stackheap {

inline constexpr std::size_t kTrialRounds = 12;     // what a run takes by default
inline constexpr std::size_t kComparedSummary = 0;  // of kWindowSummaries: the median

// Log ratios of two sides over rounds [begin, end) by one of kWindowSummaries; rounds in which one
// failed or did not run are left out.
std::vector<double> log_ratios(const Bank& bank, SidePair sides, std::size_t begin, std::size_t end,
                               std::size_t summary);

// The rounds in which that side ran, with all their sides: trials of what does not run each round.
Bank rounds_with(const Bank& bank, std::size_t side);

// Calls visit(bank, begin) for each stretch of `rounds` rounds.
template <class Visit>
void for_each_piece(std::span<const Bank> banks, std::size_t rounds, Visit visit) {
  for (const Bank& bank : banks) {
    for (std::size_t begin = 0; begin + rounds <= bank.rounds.size(); begin += rounds) {
      visit(bank, begin);
    }
  }
}

inline bool excludes_0(const Estimate& logs) {
  return logs.lower > 0 || logs.upper < 0;
}

// How often something was so, over trials of several sessions.
class Tally {
 public:
  void add(std::uint64_t session, bool was_so);

  std::size_t k() const { return k_; }
  std::size_t n() const { return n_; }
  std::size_t sessions() const { return by_session_.size(); }
  // With the interval of Clopper and Pearson, which takes trials for independent.
  Estimate share() const;
  // With sessions as the unit, as trials of one session may share its state: the normal interval of
  // a ratio estimator over clusters (W. G. Cochran, "Sampling Techniques", 3rd ed., 6.3). Nothing
  // below two sessions.
  std::optional<Estimate> clustered() const;

 private:
  struct Count {
    std::size_t k = 0;
    std::size_t n = 0;
  };
  std::size_t k_ = 0;
  std::size_t n_ = 0;
  std::map<std::uint64_t, Count> by_session_;
};

}  // namespace stackheap
