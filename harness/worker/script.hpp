// What a scripted workload is given: lanes, windows it may run itself, and a place to report the
// named metrics that only it can know.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "harness/measure/lane.hpp"
#include "harness/measure/thread_probe.hpp"
#include "harness/measure/window_loop.hpp"
#include "harness/worker/reporter.hpp"

namespace stackheap {

// Held by a thread while it carries a lane: pins it to the lane's CPU (if the sample is pinned) and
// opens its probe. Construct it on the thread itself.
class LaneThread {
 public:
  explicit LaneThread(Lane& lane);
  Lane& lane() const { return lane_; }
  const ThreadProbe& probe() const { return probe_; }

 private:
  Lane& lane_;
  ThreadProbe probe_;
};

class Script : public Reporter {
 public:
  // One per counted thread; `threads` of the cell.
  virtual std::span<Lane> lanes() = 0;
  // The window protocol; a script that times itself leaves it unused.
  virtual WindowLoop& windows() = 0;
  // Bytes live at this moment, where the lanes' counters do not tell.
  virtual void note_live_bytes(std::int64_t bytes) = 0;

  // The baseline of this sample's memory is what is resident now, instead of what was before the
  // workload's constructor: its own tables, mapped and touched, are not the allocator's.
  virtual void take_memory_baseline() = 0;
  // From now on the workload is in this phase; from any thread, without touching the heap. The name
  // is one of the harness's names ([A-Za-z0-9._+-]{1,64}), at most kMostPhases - 1 marks a sample.
  // Before the first mark the phase is "start"; a workload that marks any is in "end" after run().
  virtual void mark(std::string_view phase) = 0;

  // Runs `body(LaneThread&)` on one thread per lane and joins them. The first exception of a body
  // ends the sample with its status. Body typically is
  //     while (!script.windows().done()) script.windows().run_window(...)
  virtual void run_lanes(void (*body)(LaneThread&, void*), void* context) = 0;
  template <class Body>
  void run_lanes(Body&& body) {
    run_lanes([](LaneThread& thread, void* context) { (*static_cast<Body*>(context))(thread); },
              static_cast<void*>(&body));
  }
};

}  // namespace stackheap
