// What the driver asks of one worker process, as the one JSON argument of `stackheap-worker
// --cell`. One document instead of a row of options: it can be pasted from a log to repeat a sample
// by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stackheap {

struct CellRequest {
  std::string workload;
  std::string variant;
  std::int64_t parameter = 0;  // 0 where the workload declares none
  unsigned threads = 1;
  std::uint64_t seed = 0;
  std::uint64_t share = 0;  // operations of one thread in one window; 0: find it by a pilot
  unsigned windows = 10;
  unsigned warm_up_minimum = 3;
  unsigned warm_up_maximum = 10;
  std::uint64_t pilot_target_ns = 5'000'000;
  bool oversubscribed = false;  // waiting threads yield
  bool instrumented = false;    // perf events and the allocator's own statistics; spoils the times
  // No probe but the wall clock, and no metric but its own: for scripts/probe-cost alone, never for
  // a sample of a run.
  bool wall_clock_only = false;
  std::vector<unsigned> cpus;  // thread i is pinned to cpus[i % size]; empty: not pinned
  // The files into which malloc and its sisters must resolve; empty: the C library.
  std::vector<std::string> expected_files;
  // False where the variant does not use the heap: then no malloc is proven.
  bool prove_allocator = true;
};

std::string to_json(const CellRequest& request);
// Strict: unknown or missing members and wrong types throw std::runtime_error naming them.
CellRequest cell_request_from_json(std::string_view json);

}  // namespace stackheap
