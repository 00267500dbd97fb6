// The worker as a Google Benchmark binary: one of its iterations is one of our windows, handed over
// as manual time. Its own clocks are not used: see measure/window_loop.hpp.
#pragma once

#include <optional>

#include "harness/model/cell_request.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

// Registers every workload, variant and headline parameter value, at its least number of threads
// and at `cpus`, for running by hand with --benchmark_filter.
void register_all(unsigned cpus);

// Registers the one cell of the request. Throws std::runtime_error for an unknown workload or
// variant and for a thread count or parameter outside what the workload declares.
void register_cell(const CellRequest& request);

// Runs what is registered. With `quiet` nothing is printed. Returns the number of benchmarks run.
std::size_t run_registered(bool quiet);

// The result of the last cell that ran to its end.
std::optional<WorkerResult> last_result();

// The library's version as it was compiled against, e.g. "1.7.1".
const char* google_benchmark_version();

}  // namespace stackheap
