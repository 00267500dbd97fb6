// The worker's main program: one process per sample, or a Google Benchmark binary by hand.
#pragma once

namespace stackheap {

// Returns the process's exit code.
int worker_main(int argc, char** argv);

}  // namespace stackheap
