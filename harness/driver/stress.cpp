#include "harness/driver/stress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/base/clock.hpp"
#include "harness/driver/known_deviations.hpp"

namespace stackheap {
namespace {

constexpr unsigned kQuickPass = 0;
constexpr unsigned kFullPass = 1;
// Beyond its budget; what is short is to fail soon.
constexpr double kQuickDeadlineSeconds = 10;
// What counts its work takes its budget on a quiet machine; on a loaded one, with a heap that is
// slow at just this, it may take so many times that. Hanging calls are found by the check itself.
constexpr double kMostTimesBudget = 20;

// 0: not in this pass.
double budget_of(const CheckInfo& check, unsigned pass, double scale) {
  if (pass == kQuickPass) return check.quick_seconds;
  if (pass == kFullPass) return check.seconds;
  return check.randomised ? check.seconds * scale : 0;
}

// The first two passes have one seed, so that --seed with it repeats either.
std::uint64_t seed_of(std::uint64_t seed, unsigned pass) {
  return pass <= kFullPass ? seed : seed + pass - kFullPass;
}

std::vector<unsigned> threads_of_check(const StressOptions& options, const CheckInfo& check,
                                       unsigned pass) {
  std::vector<unsigned> threads;
  for (const CheckThreads kind : check.threads) {
    if (kind == CheckThreads::kMany && pass == kQuickPass && check.threads.size() > 1) continue;
    threads.push_back(threads_of(kind, options.cpus));
  }
  const bool single =
      std::all_of(threads.begin(), threads.end(), [](unsigned count) { return count == 1; });
  if (!options.threads.empty() && !single) return options.threads;
  return threads;
}

std::string name_of(const Allocator* allocator) {
  return allocator == nullptr ? std::string(kNoAllocator) : allocator->name;
}

// All deviations as one word: new where one of them is.
std::string novelty(const StressOptions& options, const PlannedCheck& planned,
                    const CheckResult& result) {
  std::string all;
  for (const CheckNote& deviation : result.deviations) {
    std::string one =
        planned.allocator == nullptr
            ? "new"
            : novelty_of(*planned.allocator, options.identities.at(planned.allocator->name),
                         planned.check->name, deviation.name);
    if (one == "new") return one;
    if (all.empty() || all == "known") all = one;
  }
  return all;
}

StressRow row_of(const StressOptions& options, const PlannedCheck& planned,
                 const CheckOutcome& outcome) {
  StressRow row;
  row.check = planned.check->name;
  row.allocator = name_of(planned.allocator);
  row.threads = planned.threads;
  row.seed = planned.seed;
  row.pass = planned.pass;
  row.budget_seconds = planned.budget_seconds;
  row.seconds = outcome.seconds;
  row.result = outcome.result;
  row.novelty = novelty(options, planned, outcome.result);
  row.command = outcome.command;
  return row;
}

// Nothing where it can run.
std::optional<CheckOutcome> refused(const PlannedCheck& planned) {
  if (planned.allocator == nullptr || !planned.check->blocks_migrate ||
      !planned.allocator->frees_to_freeing_thread) {
    return std::nullopt;
  }
  CheckOutcome outcome;
  outcome.result.verdict = CheckVerdict::kUnsupported;
  outcome.result.detail =
      "what it frees stays with the thread that freed it, and here blocks move without bound";
  return outcome;
}

double deadline_of(const PlannedCheck& planned) {
  const double grace = planned.check->deadline_seconds;
  return kMostTimesBudget * planned.budget_seconds +
         (planned.pass == kQuickPass ? std::min(kQuickDeadlineSeconds, grace) : grace);
}

CheckOutcome run_planned(const StressOptions& options, CheckRunner& runner,
                         const PlannedCheck& planned) {
  if (auto outcome = refused(planned)) return *outcome;
  CheckRequest request;
  request.name = planned.check->name;
  request.threads = planned.threads;
  request.seed = planned.seed;
  request.seconds = planned.budget_seconds;
  if (planned.allocator != nullptr) {
    request.known_defects = known_defects_of(options.identities.at(planned.allocator->name));
  }
  return runner.run(request, planned.allocator, deadline_of(planned));
}

}  // namespace

std::vector<PlannedCheck> plan_pass(const StressOptions& options, unsigned pass, double scale) {
  std::vector<PlannedCheck> planned;
  const auto add = [&](const CheckInfo& check, const Allocator* allocator) {
    const double budget = budget_of(check, pass, scale);
    if (budget <= 0) return;
    for (const unsigned threads : threads_of_check(options, check, pass)) {
      planned.push_back({&check, allocator, threads, pass, budget, seed_of(options.seed, pass)});
    }
  };
  // One allocator after the other: what is wrong with it is told together.
  for (const Allocator& allocator : options.allocators) {
    for (const CheckInfo& check : options.checks) {
      if (check.uses_heap) add(check, &allocator);
    }
  }
  for (const CheckInfo& check : options.checks) {
    if (!check.uses_heap) add(check, nullptr);
  }
  return planned;
}

bool is_accusation(const StressRow& row) {
  return row.result.verdict == CheckVerdict::kUnsafe || row.novelty == "new";
}

bool fails_run(const StressRow& row) {
  return row.result.verdict == CheckVerdict::kUnsafe || row.result.verdict == CheckVerdict::kFailed;
}

double pass_scale(unsigned pass, double full_seconds, double left_seconds) {
  const double doubled = std::ldexp(1.0, static_cast<int>(std::min(pass - kFullPass, 60U)));
  if (left_seconds >= full_seconds * 3 * doubled) return doubled;
  return full_seconds > 0 ? std::max(1.0, left_seconds / full_seconds) : 1.0;
}

StressEnd run_stress(const StressOptions& options, CheckRunner& runner, const StressHooks& hooks) {
  StressEnd end;
  const std::uint64_t started = monotonic_ns();
  const auto elapsed = [&] { return static_cast<double>(monotonic_ns() - started) * 1e-9; };
  const auto is_over = [&] { return options.seconds && elapsed() >= *options.seconds; };
  std::size_t failed = 0;
  double full_seconds = 0;  // of the checks that further passes have
  for (unsigned pass = kQuickPass;; ++pass) {
    if (pass > kFullPass && (!options.seconds || is_over())) break;
    const double scale =
        pass > kFullPass ? pass_scale(pass, full_seconds, *options.seconds - elapsed()) : 1.0;
    const std::vector<PlannedCheck> planned = plan_pass(options, pass, scale);
    if (pass > kFullPass && planned.empty()) break;
    std::size_t done = 0;
    for (const PlannedCheck& next : planned) {
      if (is_over()) break;
      if (hooks.on_progress) {
        hooks.on_progress({done, planned.size(), pass, elapsed(), failed,
                           fmt::format("{} under {}", next.check->name, name_of(next.allocator))});
      }
      const CheckOutcome outcome = run_planned(options, runner, next);
      if (outcome.interrupted) {
        end.interrupted = true;
        end.seconds = elapsed();
        return end;
      }
      const StressRow row = row_of(options, next, outcome);
      ++done;
      failed += fails_run(row) ? 1U : 0U;
      if (pass == kFullPass && next.check->randomised) full_seconds += row.seconds;
      hooks.on_row(row, outcome.log);
    }
    if (done == planned.size()) ++end.passes;
    if (pass <= kFullPass) end.left += planned.size() - done;
  }
  end.seconds = elapsed();
  return end;
}

}  // namespace stackheap
