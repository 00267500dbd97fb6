// Stands in for stackheap-worker and misbehaves: it describes workloads whose variants are
// behaviours, so that one run shows each of them and that all other cells still run.
//   fake/end    ends by itself, in every way a process can
//   fake/stay   does not end, or leaves something behind that does not
//   fake/grow   takes all the memory there is: only for a run under a limit
// A behaviour that stays opens the FIFO named by STACKHEAP_FAKE_FIFO for writing and says "stays":
// whoever reads it knows when to act, and from the end-of-file that every process is gone.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/model/cell_request.hpp"
#include "harness/model/sample.hpp"
#include "harness/model/workload_info.hpp"

namespace {

using namespace stackheap;

int result_fd = -1;

void send(std::string_view text) {
  write_all(result_fd, text, "the result descriptor");
}

WorkerResult good_result() {
  WorkerResult result;
  result.share = 100;
  result.operations = 300;
  result.windows = {{3000, 100}, {2000, 100}, {1000, 100}};
  result.metrics = {{"ns_per_op", "20"}, {"peak_rss_bytes", "1000000"}};
  return result;
}
std::string good_document() {
  return worker_result_to_json(good_result());
}

std::string document_with(const char* metric, const char* text) {
  WorkerResult result = good_result();
  result.metrics.push_back({metric, text});
  return worker_result_to_json(result);
}

std::string document_of(Status status, const char* detail) {
  WorkerResult result;
  result.status = status;
  result.detail = detail;
  return worker_result_to_json(result);
}

void say_that_it_stays() {
  const char* fifo = std::getenv("STACKHEAP_FAKE_FIFO");
  if (fifo == nullptr) return;
  const int fd = ::open(fifo, O_WRONLY);
  if (fd >= 0) write_all(fd, "stays\n", fifo);
}

[[noreturn]] void stay() {
  say_that_it_stays();
  for (;;) ::pause();
}

// Children in sessions of their own, that ignore what can be ignored and hold every descriptor.
void leave_children() {
  constexpr int kChildren = 3;
  for (int i = 0; i < kChildren; ++i) {
    if (::fork() != 0) continue;
    ::setsid();
    ::signal(SIGTERM, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    if (i == 0 && ::fork() != 0) ::_exit(0);  // a grandchild whose parent is gone
    stay();
  }
}

void flood_log() {
  constexpr std::size_t kChunk = 1 << 20;
  constexpr std::size_t kGibibyte = 1 << 30;
  const std::string chunk = std::string(kChunk - 1, 'x') + '\n';
  for (std::size_t sent = 0; sent < kGibibyte; sent += kChunk) {
    write_all(sent % (2 * kChunk) == 0 ? STDOUT_FILENO : STDERR_FILENO, chunk, "the log");
  }
}

void large_result() {
  const std::string chunk(1 << 20, ' ');
  for (int i = 0; i < 40; ++i) send(chunk);
  send(good_document());
}

// A behaviour that does not last may have the driver's next process of that cell behave well: the
// file named by STACKHEAP_FAKE_MARKER, which the first one makes, tells them apart. Without a
// marker each is the first.
bool is_first() {
  const char* marker = std::getenv("STACKHEAP_FAKE_MARKER");
  if (marker == nullptr) return true;
  const int fd = ::open(marker, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

struct Behaviour {
  const char* name;
  void (*act)();  // returning is exit 0
};

constexpr Behaviour kEnds[] = {
    {"ok", [] { send(good_document()); }},
    {"also-ok", [] { send(good_document()); }},
    {"unsupported", [] { send(document_of(Status::kUnsupported, "this kernel is too old")); }},
    {"failed-check", [] { send(document_of(Status::kFailedCheck, "two blocks overlap")); }},
    {"out-of-memory", [] { send(document_of(Status::kOutOfMemory, "malloc returned null")); }},
    {"crash",
     [] {
       send(good_document());
       ::raise(SIGSEGV);
     }},
    {"abort", [] { std::abort(); }},
    {"killed", [] { ::raise(SIGKILL); }},
    {"bus-error", [] { ::raise(SIGBUS); }},
    {"division", [] { ::raise(SIGFPE); }},
    {"illegal", [] { ::raise(SIGILL); }},
    {"trap", [] { ::raise(SIGTRAP); }},
    {"bad-call", [] { ::raise(SIGSYS); }},
    {"cpu-limit", [] { ::raise(SIGXCPU); }},
    {"file-limit", [] { ::raise(SIGXFSZ); }},
    {"broken-pipe", [] { ::raise(SIGPIPE); }},
    {"hangup", [] { ::raise(SIGHUP); }},
    {"interrupt", [] { ::raise(SIGINT); }},
    {"terminated", [] { ::raise(SIGTERM); }},
    {"user-signal", [] { ::raise(SIGUSR1); }},
    {"real-time-signal", [] { ::raise(SIGRTMIN + 3); }},
    {"exit-3",
     [] {
       send(good_document());
       ::_exit(3);
     }},
    {"nothing", [] {}},
    {"garbage", [] { send("Segmentation fault, but politely\n"); }},
    {"half", [] { send(std::string_view(good_document()).substr(0, 60)); }},
    {"twice", [] { send(good_document() + good_document()); }},
    {"wrong-version",
     [] {
       std::string document = good_document();
       const std::string_view mine = "\"version\":1";
       document.replace(document.find(mine), mine.size(), "\"version\":2");
       send(document);
     }},
    {"claims-crash", [] { send(document_of(Status::kCrashed, "I fell over")); }},
    {"text-for-number", [] { send(document_with("cpu_ns_per_op", "fast")); }},
    {"negative-time", [] { send(document_with("cpu_ns_per_op", "-5")); }},
    {"unknown-metric", [] { send(document_with("beauty", "7")); }},
    {"detail-with-lines",
     [] { send(document_of(Status::kFailedCheck, "=1+1,\"first\"\nsecond\tthird")); }},
    {"close-descriptors",
     [] {
       constexpr int kMost = 1024;
       for (int fd = 0; fd < kMost; ++fd) ::close(fd);
     }},
    {"large-result", large_result},
    {"flood",
     [] {
       flood_log();
       send(good_document());
     }},
    {"flood-and-abort",
     [] {
       flood_log();
       std::fprintf(stderr, "last words\n");
       std::abort();
     }},
};

constexpr Behaviour kStays[] = {
    {"ok", [] { send(good_document()); }},
    {"fork-children",
     [] {
       leave_children();
       send(good_document());
     }},
    {"hang",
     [] {
       if (is_first()) stay();
       send(good_document());
     }},
    {"hang-ignoring-term",
     [] {
       ::signal(SIGTERM, SIG_IGN);
       if (is_first()) stay();
       send(good_document());
     }},
    {"hang-stopped",
     [] {
       if (is_first()) {
         say_that_it_stays();
         ::raise(SIGSTOP);
       }
       send(good_document());
     }},
    {"hang-with-children",
     [] {
       if (is_first()) {
         leave_children();
         stay();
       }
       send(good_document());
     }},
    {"hang-second-time",
     [] {
       if (!is_first()) stay();
       send(good_document());
     }},
};

// Allocates without bound and touches what it gets; reports the null that it gets in the end.
void grow() {
  constexpr std::size_t kPiece = 8 << 20;
  for (;;) {
    void* const piece = std::malloc(kPiece);
    if (piece == nullptr) break;
    std::memset(piece, 1, kPiece);
  }
  send(document_of(Status::kOutOfMemory, "malloc returned null"));
}

constexpr Behaviour kGrows[] = {{"ok", [] { send(good_document()); }}, {"grow", grow}};

template <std::size_t n>
WorkloadInfo workload_of(const char* name, const Behaviour (&behaviours)[n]) {
  WorkloadInfo info;
  info.name = name;
  info.summary = "Behaves as its variant says";
  info.operation = "nothing";
  for (const Behaviour& behaviour : behaviours) {
    info.variants.push_back(
        {.name = behaviour.name, .description = behaviour.name, .uses_heap = false});
  }
  info.baseline_variant = "ok";
  info.threads = {.minimum = 1, .maximum = 1};
  info.smoke = {{.threads = TierThreads::kOne}};
  info.expected_seconds = 0.001;
  info.piloted = false;
  return info;
}

template <std::size_t n>
int act(const Behaviour (&behaviours)[n], std::string_view variant) {
  for (const Behaviour& behaviour : behaviours) {
    if (behaviour.name != variant) continue;
    std::fprintf(stderr, "fake worker: %s\n", behaviour.name);
    behaviour.act();
    return 0;
  }
  return 2;
}

}  // namespace

int main(int count, char** arguments) {
  std::string cell;
  for (int i = 1; i + 1 < count; ++i) {
    if (std::string_view(arguments[i]) == "--cell") cell = arguments[i + 1];
    if (std::string_view(arguments[i]) == "--result-fd") {
      result_fd = static_cast<int>(parse_integer(arguments[i + 1]).value_or(-1));
    }
  }
  if (cell.empty()) {
    send(workloads_to_json({workload_of("fake/end", kEnds), workload_of("fake/stay", kStays),
                            workload_of("fake/grow", kGrows)}));
    return 0;
  }
  const CellRequest request = cell_request_from_json(cell);
  return request.workload == "fake/end"    ? act(kEnds, request.variant)
         : request.workload == "fake/stay" ? act(kStays, request.variant)
                                           : act(kGrows, request.variant);
}
