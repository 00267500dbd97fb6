// Tells which blocks of an adaptive run are precise enough, so that later rounds skip them. It sees
// only the metric that each workload is ranked by: with all forty metrics no run would ever end,
// since a count of switches may need a thousand rounds.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/driver/plan.hpp"
#include "harness/model/metric.hpp"
#include "harness/model/sample.hpp"
#include "harness/stats/stopping.hpp"
#include "harness/stats/summarize.hpp"

namespace stackheap {

// When an adaptive run looks, and what is precise. Never whether a difference is significant:
// stopping there would make false ones.
struct AdaptiveOptions {
  double precision = 0.01;           // half-width to reach, on |log ratio|
  double budget_seconds = 0;         // of the whole run
  unsigned look_every = kLookEvery;  // rounds, after the least
  SummaryOptions summary;            // with the alpha for repeated looks
  std::vector<WorkloadInfo> workloads;
};

class PrecisionWatch {
 public:
  // Of the plan's blocks, by index; the plan must outlive it.
  PrecisionWatch(const Plan& plan, AdaptiveOptions options);

  // A timed sample of that block. Others and those that are not ok change nothing.
  void add(std::size_t block, const Sample& sample);

  struct Look {
    bool precise = false;         // every comparison's half-width has reached the precision
    std::size_t more_rounds = 0;  // estimated, to get there; 0 where precise
  };
  // A block without any comparison (one cell, or all of them failed) is precise: more rounds would
  // not change what can be said of it.
  Look look(std::size_t block) const;

 private:
  struct Watched {
    SampleTable table;
    MetricInfo metric;
    std::map<Cell, std::size_t> cells;
  };

  AdaptiveOptions options_;
  std::vector<Watched> blocks_;
};

}  // namespace stackheap
