#include "harness/worker/result_channel.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "harness/base/file.hpp"

namespace stackheap {
namespace {

int result_fd = -1;
std::optional<Turns> turns;

}  // namespace

void set_result_descriptor(int fd) {
  result_fd = fd;
}
bool has_result_descriptor() {
  return result_fd >= 0;
}

void set_turns(TurnPlace place) {
  turns.emplace(place);
}
Turns* turns_of_process() {
  return turns ? &*turns : nullptr;
}

void send_document(std::string_view document) {
  UniqueFd fd(std::exchange(result_fd, -1));
  if (fd) write_all(fd.get(), document, "the result descriptor");
  if (turns) turns->release();
}

void send_result(const WorkerResult& result) {
  send_document(worker_result_to_json(result));
}

void end_with_status(Status status, std::string_view detail) {
  // Several lanes may find something wrong at once; the first one speaks, and ends the others.
  static std::atomic<bool> ending{false};
  while (ending.exchange(true)) ::pause();
  if (!has_result_descriptor()) {
    std::fprintf(stderr, "stackheap-worker: %.*s: %.*s\n",
                 static_cast<int>(to_string(status).size()), to_string(status).data(),
                 static_cast<int>(detail.size()), detail.data());
    ::_exit(1);
  }
  WorkerResult result;
  result.status = status;
  result.detail = std::string(detail);
  send_result(result);
  // Not exit(): destructors would run under threads that are still at work.
  ::_exit(0);
}

}  // namespace stackheap
