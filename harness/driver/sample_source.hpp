// Where the samples of a run come from: worker processes, or a program of the user's.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "harness/model/cell_request.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

struct Execution {
  WorkerResult result;
  std::vector<TimelinePoint> timeline;  // where it was asked for and the result is ok
  double seconds = 0;  // from fork to the end of the last descendant; of several together, its part
  bool interrupted = false;
  bool in_worker = true;  // so in one of the worker's layouts
  std::string command;    // for a person to repeat it
  std::string log;
};

// A sample that is to run together with others.
struct PlacedRequest {
  CellRequest request;
  std::string allocator;
};

class SampleSource {
 public:
  SampleSource() = default;
  virtual ~SampleSource() = default;
  SampleSource(const SampleSource&) = delete;
  SampleSource& operator=(const SampleSource&) = delete;

  // The worker of the samples that follow: the same program, linked in another order.
  virtual void use_worker(std::filesystem::path worker) = 0;

  // Runs `request` under the allocator of that name (`none`: the process's default malloc), ended
  // after `deadline_seconds`. Machine-wide counters over the sample are added to its metrics.
  // With `timeline` its resident memory is read every kTimelineTickMs.
  virtual Execution run(CellRequest request, const std::string& allocator, double deadline_seconds,
                        bool timeline) = 0;

  // All of them alive at once, taking turns window by window; each may take the deadline times
  // their number. Where one does not exit well the others are ended too: their executions are then
  // `interrupted`, as is all of it where the user interrupts. Of workers only.
  virtual std::vector<Execution> run_together(std::span<const PlacedRequest> cells,
                                              double deadline_seconds);
};

}  // namespace stackheap
