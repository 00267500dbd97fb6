// A stress check as driver and worker speak of it: what it is, what one process is asked, and what
// it found. A check is no workload: it measures nothing, and its answer is a verdict.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stackheap {

enum class CheckVerdict {
  kOk,
  kUnsafe,         // memory was lost, shared or damaged, or the process ended; the only failure
  kNonconforming,  // C, POSIX or the manual says otherwise, and nothing is lost
  kRecorded,       // the standard leaves it open; the behaviour is a record
  kUnsupported,    // it cannot run here; the detail says why
  kFailed,         // nothing is known: another malloc was there, or the worker did not start
};
std::string_view to_string(CheckVerdict verdict);
std::optional<CheckVerdict> parse_check_verdict(std::string_view text);

// On how many threads a check is run by default.
// 1; 2; the CPUs, at least 2; 8 x CPUs; 9, more than a small machine has CPUs and than most heaps
// have arenas there.
enum class CheckThreads { kOne, kPair, kCpus, kMany, kNine };
unsigned threads_of(CheckThreads kind, unsigned cpus);

struct CheckInfo {
  std::string name;  // "blocks/overlap"
  std::string summary;
  std::string source;                            // of the rule: "C11 7.22.3.4"
  CheckVerdict gravest = CheckVerdict::kUnsafe;  // unsafe, nonconforming or recorded
  bool uses_heap = true;                         // else it runs once, with allocator `none`
  bool blocks_migrate = false;                   // without bound, from thread to thread
  // Checks with smaller numbers run first.
  unsigned rank = 0;
  // Budgets of the first and of the second pass, in seconds; 0: not in that pass. Those of further
  // passes are multiples of the second's where `randomised`; a check that is not does all it has
  // to, whatever its budget, and is left out there.
  bool randomised = false;
  double quick_seconds = 0;
  double seconds = 0;
  double deadline_seconds = 30;       // beyond 20 times its budget
  std::vector<CheckThreads> threads;  // at least one
};

// {"version":1,"checks":[{...}]}; parsing is strict and throws std::runtime_error.
std::string checks_to_json(std::span<const CheckInfo> checks);
std::vector<CheckInfo> checks_from_json(std::string_view json);

// What one worker process is asked. As options and not as a document: the process under suspicion
// must not need its heap to understand what is asked.
struct CheckRequest {
  std::string name;
  unsigned threads = 1;
  std::uint64_t seed = 0;
  double seconds = 1;
  std::vector<std::string> expected_files;  // as in CellRequest
  // Defects of this very library that are known and would be unsafe, by the names that checks give
  // them: noted as deviations, so that the rest of the library can still be checked.
  std::vector<std::string> known_defects;
  bool prove_allocator = true;
};
// Without the program and --result-fd.
std::vector<std::string> check_arguments(const CheckRequest& request);

struct CheckNote {
  std::string name;  // [A-Za-z0-9._+-]{1,64}
  std::string text;
};

struct CheckResult {
  CheckVerdict verdict = CheckVerdict::kOk;
  std::string detail;
  std::uint64_t operations = 0;
  std::uint64_t own_bytes = 0;        // the check's own tables at their largest
  std::uint64_t peak_bytes = 0;       // of the process's resident memory; 0: not known
  std::vector<CheckNote> deviations;  // from what the source says
  std::vector<CheckNote> records;
};

// What a worker holds of a result: texts in memory that is not the heap's.
struct CheckResultView {
  struct Note {
    std::string_view name;
    std::string_view text;
  };
  CheckVerdict verdict = CheckVerdict::kOk;
  std::string_view detail;
  std::uint64_t operations = 0;
  std::uint64_t own_bytes = 0;
  std::uint64_t peak_bytes = 0;
  std::span<const Note> deviations;
  std::span<const Note> records;
};

// {"version":1,"verdict":"ok","operations":N,"own_bytes":N,"peak_bytes":N,
//  "detail":"","deviations":[{"name":"...","text":"..."}],"records":[...]}
// Writes into `buffer` and returns the length; asks no heap, so that a process whose heap is broken
// can say so. Bytes that are not printable ASCII become spaces or '?'; a detail that does not fit
// is cut. 16 KiB hold any result with 40 notes.
std::size_t write_check_result(const CheckResultView& result, std::span<char> buffer);
// Strict; throws std::runtime_error.
CheckResult check_result_from_json(std::string_view json);

}  // namespace stackheap
