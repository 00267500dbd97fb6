// A stress run: every check under every allocator, each in a process of its own, in passes. The
// first pass is short: what is badly broken is found within a second. The second takes each check's
// full budget with the same seed. Where a time is given, further passes with other seeds follow
// until it is over, of the checks that draw at random, each for longer than the one before: what
// grows or ages in a process that lives long is to be found as well as what few seeds meet.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/allocators/library_check.hpp"
#include "harness/driver/check_runner.hpp"
#include "harness/model/allocator.hpp"
#include "harness/model/check.hpp"

namespace stackheap {

struct StressOptions {
  std::vector<Allocator> allocators;  // available ones
  std::map<std::string, std::vector<LibraryIdentity>> identities;
  std::vector<CheckInfo> checks;  // by rank
  std::vector<unsigned> threads;  // for checks that take several; empty: each check's own
  unsigned cpus = 1;
  std::uint64_t seed = 1;
  std::optional<double> seconds;  // of the whole run; nothing: the two passes, however long
};

// What one check-run is about.
struct PlannedCheck {
  const CheckInfo* check = nullptr;
  const Allocator* allocator = nullptr;  // null: `none`
  unsigned threads = 1;
  unsigned pass = 0;
  double budget_seconds = 0;
  std::uint64_t seed = 0;
};

// Pass 0 is the short one, pass 1 the full one; `scale` multiplies the budgets of further ones.
// Empty where a pass holds nothing.
std::vector<PlannedCheck> plan_pass(const StressOptions& options, unsigned pass, double scale = 1);

// By how much the budgets of the full pass are multiplied in further pass `pass` (2, 3, ...): 2, 4,
// 8 ..., and where too little time is left for this one and the next, so much that this one fills
// it; at least 1. `full_seconds` is what one at scale 1 takes.
double pass_scale(unsigned pass, double full_seconds, double left_seconds);

struct StressRow {
  std::string check;
  std::string allocator;
  unsigned threads = 1;
  std::uint64_t seed = 0;
  unsigned pass = 0;
  double budget_seconds = 0;
  double seconds = 0;
  CheckResult result;
  std::string novelty;  // where nonconforming: known, as NAME, or new
  std::string command;
};

// Unsafe, or a deviation that is new: what speaks against an allocator.
bool is_accusation(const StressRow& row);
// What makes the run fail.
bool fails_run(const StressRow& row);

struct StressProgress {
  std::size_t done = 0;
  std::size_t total = 0;  // of the pass
  unsigned pass = 0;
  double elapsed_seconds = 0;
  std::size_t failed = 0;
  std::string next;
};

struct StressHooks {
  std::function<void(const StressProgress&)> on_progress;
  // Each row as soon as it is there, with its process's log.
  std::function<void(const StressRow&, const std::string& log)> on_row;
};

struct StressEnd {
  bool interrupted = false;
  double seconds = 0;
  unsigned passes = 0;   // complete ones
  std::size_t left = 0;  // check-runs of the first two passes for which there was no time
};
StressEnd run_stress(const StressOptions& options, CheckRunner& runner, const StressHooks& hooks);

}  // namespace stackheap
