// One sample: a fresh worker process for one cell, and what became of it as a status.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/allocators/preload.hpp"
#include "harness/base/random.hpp"
#include "harness/driver/process_end.hpp"
#include "harness/driver/sample_source.hpp"
#include "harness/model/allocator.hpp"
#include "harness/model/cell_request.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

struct SamplerOptions {
  std::filesystem::path worker;
  std::vector<Allocator> allocators;
  std::uint64_t memory_ceiling_bytes = 0;
  int interrupt_fd = -1;
  std::uint64_t seed = 1;  // of the random size of the workers' environment
};

class Sampler : public SampleSource {
 public:
  explicit Sampler(SamplerOptions options);

  void use_worker(std::filesystem::path worker) override { options_.worker = std::move(worker); }
  Execution run(CellRequest request, const std::string& allocator, double deadline_seconds,
                bool timeline) override;
  std::vector<Execution> run_together(std::span<const PlacedRequest> cells,
                                      double deadline_seconds) override;

 private:
  // A worker about to start, with what must stay open until it has ended.
  struct Start {
    CellRequest request;
    const Allocator* allocator = nullptr;
    PreloadPlan preload;
    ProcessRequest process;
  };
  Start prepare(CellRequest request, const std::string& allocator_name, double deadline_seconds);
  // `together`: processes that were alive with it, itself among them; they share its time.
  Execution judge(const Start& start, const ProcessOutcome& outcome, const MachineCounters& noise,
                  std::size_t together);
  std::vector<std::string> environment_for(const Allocator* allocator, const std::string& preload);

  SamplerOptions options_;
  std::map<std::string, Allocator> allocators_;
  Random random_;
  EndJudge judge_;
};

// The worker, then its other layouts: layouts/NAME-1, layouts/NAME-2 ... beside it, as far as there
// are any. They are the same program with its objects linked in other orders, so that the run does
// not compare the luck of one order of code in memory (T. Mytkowicz et al., "Producing wrong data
// without doing anything obviously wrong", ASPLOS 2009).
std::vector<std::filesystem::path> worker_layouts(const std::filesystem::path& worker);

// What `stackheap-worker --list` says, or another of its lists. Throws UserError where the worker
// is missing or broken.
std::string list_from_worker(const std::filesystem::path& worker,
                             const std::string& option = "--list");

// The worker's environment besides the allocator's own: few variables of the user's pass, because
// one that tunes an allocator (MALLOC_ARENA_MAX, MIMALLOC_...) would silently change what a name
// stands for. --allocator-env is the way to say such things.
std::vector<std::string> inherited_environment();

// "STACKHEAP_PADDING=xxx...", of random length. The size of the environment shifts the stack, and
// with it what is fast (Mytkowicz et al., ASPLOS 2009); a random size makes it noise instead of a
// bias.
std::string random_padding(Random& random);

}  // namespace stackheap
