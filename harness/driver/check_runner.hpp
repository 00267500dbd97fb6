// One check-run: a fresh worker process that runs one check under one allocator, and what became of
// it. Unlike a sample's, its end is a finding: a check is bounded in time and memory, so a process
// that a signal ends, that does not end, or that outgrows its ceiling was let down by its heap.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/driver/process_end.hpp"
#include "harness/model/allocator.hpp"
#include "harness/model/check.hpp"

namespace stackheap {

struct CheckOutcome {
  bool interrupted = false;
  CheckResult result;
  double seconds = 0;   // from fork to the end of the last descendant
  std::string command;  // that repeats it in a shell
  std::string log;
};

class CheckRunner {
 public:
  // `memory_ceiling_bytes` 0: none.
  CheckRunner(std::filesystem::path worker, std::uint64_t memory_ceiling_bytes, int interrupt_fd);

  // `allocator` null: the process's default malloc, which is not looked at.
  CheckOutcome run(CheckRequest request, const Allocator* allocator, double deadline_seconds);

 private:
  std::filesystem::path worker_;
  std::uint64_t memory_ceiling_bytes_;
  int interrupt_fd_;
  EndJudge judge_;
};

// What `stackheap-worker --list-checks` says, by rank. Throws UserError where the worker is missing
// or broken.
std::vector<CheckInfo> checks_of_worker(const std::filesystem::path& worker);

}  // namespace stackheap
