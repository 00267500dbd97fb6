// The one line that says how far a run is. On stderr, drawn between two samples only; a plain line
// now and then where stderr is no terminal.
#pragma once

#include <cstdint>

#include "harness/driver/run.hpp"

namespace stackheap {

class ProgressLine {
 public:
  ProgressLine();
  // Clears what was drawn.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const Progress& progress);

 private:
  bool terminal_;
  bool drawn_ = false;
  std::uint64_t last_ns_ = 0;
};

}  // namespace stackheap
