// How much a block's samples do, from its pilots. All cells of a block do the same operations per
// window; only a variant that is much faster than the block's slowest (a stack frame beside an
// allocator) does a power of two times as many, since a window of microseconds would time the
// barrier. Cells whose windows are short have more of them.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "harness/model/cell.hpp"

namespace stackheap {

struct PilotResult {
  Cell cell;
  bool oversubscribed = false;
  double window_ns_per_share = 0;  // a window's time / the share of one lane
};

struct WorkRule {
  double slow_window_ns;     // windows take about this in the block's slowest cell ...
  double fast_window_ns;     // ... at least this in every variant's fastest cell, where that does
  double longest_window_ns;  // ... not make the variant's slowest cell take longer than this.
  double measured_ns;        // A sample has as many windows as fill this, within the bounds.
  unsigned fewest_windows;
  unsigned most_windows;
};
inline constexpr WorkRule kApart{8e6, 1e6, 40e6, 55e6, 10, 60};
// Of processes that take turns: the shorter the window, the more alike are the moments that are
// compared (driver/calibrate.cpp has figures).
inline constexpr WorkRule kInTurns{1e6, 2e5, 4e6, 30e6, 30, 150};

struct BlockWork {
  // {variant, oversubscribed} -> operations of one lane in one window.
  std::map<std::pair<std::string, bool>, std::uint64_t> shares;
  // Measured windows of each cell that had a pilot and is not oversubscribed.
  std::map<Cell, unsigned> windows;
};

// `rule` is that of the cells with as many CPUs as threads; the others never take turns.
BlockWork work_from_pilots(std::span<const PilotResult> pilots, const WorkRule& rule = kApart);

}  // namespace stackheap
