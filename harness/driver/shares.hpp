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

// Windows take about this in the block's slowest cell ...
inline constexpr double kSlowWindowNs = 8e6;
// ... at least this in every variant's fastest cell, where that does not make ...
inline constexpr double kFastWindowNs = 1e6;
// ... the variant's slowest cell take longer than this.
inline constexpr double kLongestWindowNs = 40e6;

// A sample has as many windows as fill this, within the bounds.
inline constexpr double kMeasuredNs = 55e6;
inline constexpr unsigned kFewestWindows = 10;
inline constexpr unsigned kMostWindows = 60;

struct BlockWork {
  // {variant, oversubscribed} -> operations of one lane in one window.
  std::map<std::pair<std::string, bool>, std::uint64_t> shares;
  // Measured windows of each cell that had a pilot and is not oversubscribed.
  std::map<Cell, unsigned> windows;
};

BlockWork work_from_pilots(std::span<const PilotResult> pilots);

}  // namespace stackheap
