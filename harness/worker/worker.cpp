#include "harness/worker/worker.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/allocators/proof.hpp"
#include "harness/allocators/tuning.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/worker/check_main.hpp"
#include "harness/worker/google_benchmark.hpp"
#include "harness/worker/result_channel.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

constexpr std::int64_t kMostThreads = 4096;

constexpr std::string_view kHelp =
    R"(usage: stackheap-worker [--benchmark_filter=REGEX] [--benchmark_format=console|json] ...
       stackheap-worker --list
       stackheap-worker --cell JSON [--result-fd N] [--benchmark_...]
       stackheap-worker --list-checks
       stackheap-worker --check NAME [--threads N] [--seed N] [--seconds S] [--result-fd N]

By hand this is a Google Benchmark program: every workload is registered, one iteration is one
window, and the time is that of the window (manual time).

  --list          describe every workload as JSON and exit
  --cell JSON     run one cell, as the driver asks for it; logs of failed samples hold the JSON
  --list-checks   describe every stress check as JSON and exit
  --check NAME    run one stress check, print what it found, and exit with 1 where that is unsafe
  --threads N     of the check; else its first kind of thread count
  --seed N        of the check; else one from the clock
  --seconds S     the check's budget; else its own
  --expect FILE   malloc must resolve into this library, else the check is not run (repeatable)
  --known-defect NAME   what is unsafe by that name is a deviation here (repeatable)
  --any-malloc    do not look which malloc this process has; without --result-fd the default
  --result-fd N   write the one JSON document to descriptor N
  --turns IN,OUT  take turns with other workers, window by window: the turn comes by descriptor IN
                  and goes on by OUT (the driver's way)

example: stackheap-worker --benchmark_filter='heap/pair/malloc/size:64'
)";

// What was said of a check, in any order.
struct CheckWords {
  std::string_view name;  // empty: none is asked for
  std::optional<std::int64_t> threads;
  std::optional<std::int64_t> seed;
  std::optional<double> seconds;
  std::vector<std::string> expected_files;
  std::vector<std::string> known_defects;
  bool any_malloc = false;
};

struct Options {
  bool help = false;
  bool list = false;
  bool list_checks = false;
  std::optional<CellRequest> cell;
  CheckWords check;
  std::vector<char*> benchmark_arguments;  // argv[0] first
};

[[noreturn]] void usage_error(const std::string& message) {
  std::fprintf(stderr, "stackheap-worker: %s\n`stackheap-worker --help` shows the usage.\n",
               message.c_str());
  std::exit(static_cast<int>(ExitCode::kUsage));
}

TurnPlace turn_place(std::string_view text) {
  const auto parts = split(text, ',');
  const auto in = parse_integer(parts.front());
  const auto out = parse_integer(parts.back());
  const auto is_descriptor = [](auto fd) { return fd && *fd >= 0 && *fd <= 1'000'000; };
  if (parts.size() != 2 || !is_descriptor(in) || !is_descriptor(out)) {
    usage_error("--turns needs the numbers of two descriptors, IN,OUT");
  }
  return {static_cast<int>(*in), static_cast<int>(*out)};
}

// True where the option is one of a check's.
template <class Value>
bool parse_check_word(std::string_view argument, Value&& value, CheckWords& check) {
  if (argument == "--check") {
    check.name = value();
  } else if (argument == "--threads") {
    check.threads = parse_integer(value());
    if (!check.threads || *check.threads < 1 || *check.threads > kMostThreads) {
      usage_error("--threads needs a whole number from 1 to 4096");
    }
  } else if (argument == "--seed") {
    check.seed = parse_integer(value());
    if (!check.seed || *check.seed < 0) usage_error("--seed needs a whole number from 0 on");
  } else if (argument == "--seconds") {
    check.seconds = parse_real(value());
    if (!check.seconds || *check.seconds < 0) usage_error("--seconds needs a number from 0 on");
  } else if (argument == "--expect") {
    check.expected_files.emplace_back(value());
  } else if (argument == "--known-defect") {
    check.known_defects.emplace_back(value());
  } else if (argument == "--any-malloc") {
    check.any_malloc = true;
  } else {
    return false;
  }
  return true;
}

Options parse(int argc, char** argv) {
  Options options;
  options.benchmark_arguments.push_back(argv[0]);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&]() -> std::string_view {
      if (i + 1 == argc) usage_error(fmt::format("{} needs a value", argument));
      return argv[++i];
    };
    if (parse_check_word(argument, value, options.check)) continue;
    if (argument == "--help") {
      options.help = true;
    } else if (argument == "--list-checks") {
      options.list_checks = true;
    } else if (argument == "--list") {
      options.list = true;
    } else if (argument == "--cell") {
      options.cell = cell_request_from_json(value());
      // Only a driver sets the padding.
      if (options.cell->wall_clock_only && std::getenv("STACKHEAP_PADDING") != nullptr) {
        usage_error("\"wall_clock_only\" leaves metrics out: no sample of a run may ask for it");
      }
    } else if (argument == "--result-fd") {
      const auto fd = parse_integer(value());
      if (!fd || *fd < 0 || *fd > 1'000'000) usage_error("--result-fd needs a descriptor's number");
      set_result_descriptor(static_cast<int>(*fd));
    } else if (argument == "--turns") {
      set_turns(turn_place(value()));
    } else if (argument.starts_with("--benchmark_") || argument.starts_with("--v=")) {
      options.benchmark_arguments.push_back(argv[i]);
    } else {
      usage_error(fmt::format("unknown option '{}'", argument));
    }
  }
  return options;
}

// Everything of the sample runs on a second thread while the first is parked: a process that was
// never multi-threaded would let glibc skip its locks, and the first thread's arena is unlike all
// others.
void on_second_thread(void (*body)(void*), void* context) {
  struct Start {
    void (*body)(void*);
    void* context;
  } start{body, context};
  pthread_t thread;
  const auto entry = [](void* argument) -> void* {
    const auto& given = *static_cast<Start*>(argument);
    given.body(given.context);
    return nullptr;
  };
  STACKHEAP_CHECK(pthread_create(&thread, nullptr, entry, &start) == 0);
  STACKHEAP_CHECK(pthread_join(thread, nullptr) == 0);
}

void send_or_print(const std::string& document) {
  if (has_result_descriptor()) {
    send_document(document);
  } else {
    write_all(STDOUT_FILENO, document, "standard output");
  }
}

void list_workloads() {
  std::vector<WorkloadInfo> infos;
  for (const RegisteredWorkload& workload : registered_workloads()) infos.push_back(workload.info);
  send_or_print(workloads_to_json(infos, google_benchmark_version()) + "\n");
}

// A driver says all; a person may leave out what it is not about.
CheckRequest request_of(const CheckWords& words) {
  CheckRequest request = default_check_request(words.name);
  if (words.threads) request.threads = static_cast<unsigned>(*words.threads);
  if (words.seed) request.seed = static_cast<std::uint64_t>(*words.seed);
  if (words.seconds) request.seconds = *words.seconds;
  request.expected_files = words.expected_files;
  request.known_defects = words.known_defects;
  request.prove_allocator =
      !words.any_malloc && (has_result_descriptor() || !words.expected_files.empty());
  return request;
}

bool stays_single_threaded(const CellRequest& request) {
  const RegisteredWorkload* workload = find_workload(request.workload);
  const VariantInfo* variant =
      workload == nullptr ? nullptr : workload->info.find_variant(request.variant);
  return variant != nullptr && variant->single_threaded_process;
}

void prove(const CellRequest& request) {
  if (!request.prove_allocator) return;
  const ProofResult proof = prove_injection(request.expected_files);
  if (!proof.ok) end_with_status(Status::kNotInjected, proof.detail);
  const TuningReport tuning = read_back_environment();
  if (tuning.proof == TuningProof::kRefuted) end_with_status(Status::kNotInjected, tuning.detail);
}

int run_cell(const Options& options) {
  // All of it in its turn: another's window may be open.
  if (Turns* const turns = turns_of_process()) turns->acquire();
  prove(*options.cell);
  register_cell(*options.cell);
  struct Run {
    bool quiet;
  } run{options.benchmark_arguments.size() == 1};
  const auto body = [](void* context) { run_registered(static_cast<Run*>(context)->quiet); };
  if (stays_single_threaded(*options.cell)) {
    body(&run);
  } else {
    on_second_thread(body, &run);
  }
  const auto result = last_result();
  STACKHEAP_CHECK(result.has_value());
  send_result(*result);
  return 0;
}

int run_by_hand() {
  on_second_thread([](void*) { run_registered(false); }, nullptr);
  return 0;
}

}  // namespace

int worker_main(int argc, char** argv) {
  try {
    Options options = parse(argc, argv);
    if (options.help) {
      std::fputs(kHelp.data(), stdout);
      return 0;
    }
    if (options.list) {
      list_workloads();
      return 0;
    }
    if (options.list_checks) {
      send_or_print(list_of_checks() + "\n");
      return 0;
    }
    if (!options.check.name.empty()) run_check(request_of(options.check));
    int benchmark_argc = static_cast<int>(options.benchmark_arguments.size());
    if (benchmark_argc > 1) {
      benchmark::Initialize(&benchmark_argc, options.benchmark_arguments.data());
      if (benchmark::ReportUnrecognizedArguments(benchmark_argc,
                                                 options.benchmark_arguments.data())) {
        return static_cast<int>(ExitCode::kUsage);
      }
    }
    if (options.cell) return run_cell(options);
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    const bool known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    register_all(known ? static_cast<unsigned>(CPU_COUNT(&allowed)) : 1);
    return run_by_hand();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stackheap-worker: %s\n", error.what());
    return static_cast<int>(ExitCode::kUsage);
  }
}

}  // namespace stackheap
