#include "harness/driver/check_runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "harness/allocators/preload.hpp"
#include "harness/base/error.hpp"
#include "harness/driver/repeat_command.hpp"
#include "harness/driver/sampler.hpp"

namespace stackheap {
namespace {

// The last words of a process whose memory is broken may be any bytes.
CheckResult verdict_of(CheckVerdict verdict, std::string detail) {
  CheckResult result;
  result.verdict = verdict;
  std::replace_if(
      detail.begin(), detail.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  result.detail = std::move(detail);
  return result;
}

// Of a process that did not exit with code 0.
CheckResult result_of_failure(const ProcessOutcome& outcome, const WorkerResult& failure) {
  const auto failed = [&] { return verdict_of(CheckVerdict::kFailed, failure.detail); };
  switch (outcome.end) {
    case ProcessEnd::kTimeout:
      return verdict_of(CheckVerdict::kUnsafe, "it does not come to an end: " + failure.detail);
    case ProcessEnd::kMemory:
      return verdict_of(CheckVerdict::kUnsafe, failure.detail + ", though what is live is bounded");
    case ProcessEnd::kSignalled:
      // The kernel's choice of whom to end says nothing about a heap.
      if (failure.status == Status::kOutOfMemory) return failed();
      return verdict_of(CheckVerdict::kUnsafe, "the process ended by " + failure.detail);
    case ProcessEnd::kExited:
      // The worker's own refusals end with this code; libraries that give up end with others.
      if (outcome.code == static_cast<int>(ExitCode::kUsage)) return failed();
      return verdict_of(CheckVerdict::kUnsafe, "the process ended itself: " + failure.detail);
    default:
      return failed();
  }
}

CheckResult parse_result(const ProcessOutcome& outcome) {
  if (outcome.result.empty()) {
    return verdict_of(CheckVerdict::kFailed,
                      with_reason("the worker ended without a result", outcome.log));
  }
  try {
    return check_result_from_json(outcome.result);
  } catch (const std::exception& error) {
    return verdict_of(CheckVerdict::kFailed,
                      fmt::format("the worker's result is malformed: {}", error.what()));
  }
}

}  // namespace

CheckRunner::CheckRunner(std::filesystem::path worker, std::uint64_t memory_ceiling_bytes,
                         int interrupt_fd)
    : worker_(std::move(worker)),
      memory_ceiling_bytes_(memory_ceiling_bytes),
      interrupt_fd_(interrupt_fd),
      judge_(memory_ceiling_bytes) {}

CheckOutcome CheckRunner::run(CheckRequest request, const Allocator* allocator,
                              double deadline_seconds) {
  PreloadPlan preload;
  if (allocator != nullptr) {
    preload = plan_preload(*allocator);
    request.expected_files = expected_files(*allocator);
  }
  request.prove_allocator = allocator != nullptr;
  const std::vector<std::string> words = check_arguments(request);

  ProcessRequest process;
  process.arguments = {worker_.string()};
  process.arguments.insert(process.arguments.end(), words.begin(), words.end());
  process.arguments.insert(process.arguments.end(), {"--result-fd", kResultFdPlaceholder});
  process.environment = inherited_environment();
  if (allocator != nullptr) {
    for (const auto& [name, value] : allocator->environment) {
      process.environment.push_back(name + "=" + value);
    }
  }
  if (!preload.value.empty()) process.environment.push_back("LD_PRELOAD=" + preload.value);
  for (const UniqueFd& fd : preload.descriptors) process.inherited.push_back(fd.get());
  process.deadline_seconds = deadline_seconds;
  process.memory_ceiling_bytes = memory_ceiling_bytes_;

  const ProcessOutcome outcome = supervise(process, {.interrupt_fd = interrupt_fd_});
  CheckOutcome done;
  done.seconds = outcome.seconds;
  done.log = outcome.log;
  done.command = repeat_check(worker_, allocator, preload, request);
  done.interrupted = outcome.end == ProcessEnd::kInterrupted;
  if (done.interrupted) return done;
  const auto failure = judge_.failure(outcome, deadline_seconds);
  done.result = failure ? result_of_failure(outcome, *failure) : parse_result(outcome);
  return done;
}

std::vector<CheckInfo> checks_of_worker(const std::filesystem::path& worker) {
  return checks_from_json(list_from_worker(worker, "--list-checks"));
}

}  // namespace stackheap
