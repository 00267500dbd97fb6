// How a worker's one result leaves the process. The driver hands down a descriptor; without one (a
// worker run by hand) problems go to stderr and the exit code tells.
#pragma once

#include <new>
#include <string_view>

#include "harness/base/error.hpp"
#include "harness/measure/turns.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

// The descriptor given by --result-fd, or -1. Set once at start, before any other thread exists.
void set_result_descriptor(int fd);
bool has_result_descriptor();

// The process's place in a ring of workers that take turns, by --turns. Set once at start.
void set_turns(TurnPlace place);
// Null where it takes no turns.
Turns* turns_of_process();

// Write the one document and close the descriptor; nothing where there is none. Whoever is next in
// a ring then has the turn for good.
void send_document(std::string_view document);
void send_result(const WorkerResult& result);

// Ends the process from any thread, at any point, with this status and nothing else: the other
// lanes may be waiting at a barrier for the caller and cannot be unwound. By hand: message and
// exit code 1.
[[noreturn]] void end_with_status(Status status, std::string_view detail);

// Runs `body` and turns what a workload may throw into the sample's status: CheckFailed, CannotRun,
// std::bad_alloc. Everything else is a bug of the workload and ends in std::terminate: `crashed`.
template <class Body>
void with_status_of_exceptions(Body&& body) {
  try {
    body();
  } catch (const CheckFailed& error) {
    end_with_status(Status::kFailedCheck, error.what());
  } catch (const CannotRun& error) {
    end_with_status(
        error.kind() == CannotRun::Kind::kUnsupported ? Status::kUnsupported : Status::kUnavailable,
        error.what());
  } catch (const std::bad_alloc&) {
    end_with_status(Status::kOutOfMemory, "an allocation of the workload failed");
  }
}

}  // namespace stackheap
