// Samples of a program of the user's: it runs under each allocator like a worker, from a launcher
// that accounts for it. Its exit code, and what it prints, must be the same each time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/random.hpp"
#include "harness/driver/process_end.hpp"
#include "harness/driver/program.hpp"
#include "harness/driver/sample_source.hpp"
#include "harness/model/allocator.hpp"

namespace stackheap {

struct ProgramSamplerOptions {
  std::filesystem::path launcher;
  Program program;
  std::vector<Allocator> allocators;
  std::string workload;             // requests with this name run the program, others the worker
  std::string input = "/dev/null";  // its standard input
  int exit_code = 0;                // that it must end with
  bool check_output = true;  // its standard output is kept for as long as it takes to compare
  int interrupt_fd = -1;
  std::uint64_t seed = 1;  // of the random size of its environment
};

// What a traced execution had mapped at its end.
struct MappedProcess {
  std::string file;               // the program that this process was
  std::vector<std::string> maps;  // the executable files in its memory
};

struct ProgramExecution {
  bool interrupted = false;
  std::optional<WorkerResult> failure;  // nothing: it ended with the exit code that it should
  std::map<std::string, std::int64_t, std::less<>> facts;  // of launcher/main.cpp
  std::vector<MappedProcess> processes;                    // where it was traced
  std::string output_sha256;                               // empty where it is not checked
  double seconds = 0;  // from fork to the end of the last descendant
  std::string command;
  std::string log;
};

class ProgramSampler : public SampleSource {
 public:
  // `worker` runs the anchors and outlives the sampler.
  ProgramSampler(ProgramSamplerOptions options, SampleSource& worker);

  // Once, outside of any run. Traced: slower, and tells the processes. Throws UserError where the
  // machine does not allow tracing.
  ProgramExecution execute(const std::string& allocator, bool traced, double deadline_seconds);

  // From here on samples whose output is another one fail. Empty: nothing is checked any more.
  void expect_output(std::string sha256) { expected_output_ = std::move(sha256); }

  void use_worker(std::filesystem::path worker) override { worker_.use_worker(std::move(worker)); }
  Execution run(CellRequest request, const std::string& allocator, double deadline_seconds,
                bool timeline) override;

 private:
  const Allocator& find(const std::string& allocator) const;
  std::vector<std::string> environment_for(const Allocator& allocator);
  std::optional<WorkerResult> failure_of(const ProcessOutcome& outcome,
                                         const ProgramExecution& execution,
                                         double deadline_seconds);

  ProgramSamplerOptions options_;
  SampleSource& worker_;
  Random random_;
  EndJudge judge_;
  std::string expected_output_;
};

// Why a traced execution did not run on the allocator in all of its processes: empty where it did.
// Each must have the allocator's libraries mapped; under the C library's malloc none may have
// another library with a malloc mapped.
std::string injection_problem(const std::vector<MappedProcess>& processes,
                              const Allocator& allocator);

}  // namespace stackheap
