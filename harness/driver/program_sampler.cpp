#include "harness/driver/program_sampler.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "harness/allocators/elf_image.hpp"
#include "harness/allocators/preload.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/driver/repeat_command.hpp"
#include "harness/driver/sampler.hpp"
#include "harness/driver/supervise.hpp"
#include "harness/machine/noise.hpp"

namespace stackheap {
namespace {

// In memory, so that the program's output costs no disk and the driver does nothing beside it.
UniqueFd new_output_file() {
  UniqueFd fd(::memfd_create("stackheap-output", MFD_CLOEXEC));
  if (!fd) throw_errno("memfd_create for the program's output");
  return fd;
}

std::string hash_of(int fd) {
  const off_t size = ::lseek(fd, 0, SEEK_END);
  if (size < 0) throw_errno("find the size of the program's output");
  if (size == 0) return sha256_hex("");
  const auto bytes = static_cast<std::size_t>(size);
  void* const data = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) throw_errno("map the program's output");
  std::string hash = sha256_hex({static_cast<const char*>(data), bytes});
  ::munmap(data, bytes);
  return hash;
}

// The lines of launcher/main.cpp.
void read_report(std::string_view text, ProgramExecution& execution) {
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, blank);
    const std::string_view value = line.substr(blank + 1);
    if (key == "process") {
      execution.processes.push_back({std::string(value), {}});
    } else if (key == "map" && !execution.processes.empty()) {
      execution.processes.back().maps.emplace_back(value);
    } else if (const auto number = parse_integer(value)) {
      execution.facts[std::string(key)] = *number;
    }
  }
}

std::optional<std::int64_t> fact(const ProgramExecution& execution, std::string_view key) {
  const auto found = execution.facts.find(key);
  return found == execution.facts.end() ? std::nullopt : std::optional(found->second);
}

WorkerResult result_of(const ProgramExecution& execution) {
  WorkerResult result;
  result.operations = 1;
  const auto add = [&](const char* metric, std::optional<std::int64_t> value, double scale) {
    if (!value) return;
    result.metrics.push_back(
        {metric, scale == 1 ? fmt::format("{}", *value)
                            : fmt::format("{:.6f}", static_cast<double>(*value) * scale)});
  };
  add("wall_seconds", fact(execution, "wall_ns"), 1e-9);
  add("user_seconds", fact(execution, "user_us"), 1e-6);
  add("system_seconds", fact(execution, "system_us"), 1e-6);
  add("minor_faults", fact(execution, "minor_faults"), 1);
  add("major_faults", fact(execution, "major_faults"), 1);
  add("voluntary_switches", fact(execution, "voluntary_switches"), 1);
  add("involuntary_switches", fact(execution, "involuntary_switches"), 1);
  // The kernel's peak begins with that of the launcher, which started it; what is not above it is
  // not known.
  const auto peak = fact(execution, "peak_kib");
  if (peak && *peak > fact(execution, "own_kib").value_or(0)) {
    add("peak_rss_bytes", *peak * 1024, 1);
  }
  return result;
}

std::string without_deleted(std::string path) {
  constexpr std::string_view kMark = " (deleted)";
  if (path.ends_with(kMark)) path.resize(path.size() - kMark.size());
  return path;
}

// A library with a malloc that is not the C library's own.
bool brings_malloc(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  if (name.starts_with("libc.so") || name.starts_with("libc-") || name.starts_with("ld-linux")) {
    return false;
  }
  const auto content = try_read_file(path);
  return content && ElfImage(*content).header_problem().empty() &&
         ElfImage(*content).defines("malloc");
}

}  // namespace

std::string injection_problem(const std::vector<MappedProcess>& processes,
                              const Allocator& allocator) {
  if (processes.empty()) return "no process of it was seen to end";
  for (const MappedProcess& process : processes) {
    std::error_code error;
    const std::string own = without_deleted(process.file);
    if (std::filesystem::exists(own, error)) {
      const std::string obstacle = preload_obstacle(own);
      if (!obstacle.empty()) return fmt::format("{} {}", own, obstacle);
    }
    std::vector<std::string> mapped;
    for (const std::string& map : process.maps) mapped.push_back(without_deleted(map));
    for (const std::string& library : allocator.libraries) {
      const auto file = std::filesystem::weakly_canonical(library, error).string();
      if (std::find(mapped.begin(), mapped.end(), file) != mapped.end()) continue;
      return fmt::format("{} ran without {}; does something clear LD_PRELOAD on the way to it?",
                         own, file);
    }
    if (!allocator.libraries.empty()) continue;
    for (const std::string& file : mapped) {
      if (file == own || !brings_malloc(file)) continue;
      return fmt::format("{} loads {}, which has a malloc of its own: this is not the C library's",
                         own, file);
    }
  }
  return {};
}

ProgramSampler::ProgramSampler(ProgramSamplerOptions options, SampleSource& worker)
    : options_(std::move(options)), worker_(worker), random_(options_.seed), judge_(0) {}

const Allocator& ProgramSampler::find(const std::string& name) const {
  const auto found =
      std::find_if(options_.allocators.begin(), options_.allocators.end(),
                   [&](const Allocator& allocator) { return allocator.name == name; });
  STACKHEAP_CHECK(found != options_.allocators.end());
  return *found;
}

// All of the user's, as the program may need it; the doctor warns of variables that tune
// allocators.
std::vector<std::string> ProgramSampler::environment_for(const Allocator& allocator) {
  std::vector<std::string> environment;
  const auto is_set_by_us = [&](std::string_view entry) {
    const std::string_view name = entry.substr(0, entry.find('='));
    return name == "LD_PRELOAD" || name == "STACKHEAP_PADDING" ||
           std::any_of(allocator.environment.begin(), allocator.environment.end(),
                       [&](const auto& variable) { return variable.first == name; });
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!is_set_by_us(*entry)) environment.emplace_back(*entry);
  }
  for (const auto& [name, value] : allocator.environment) environment.push_back(name + "=" + value);
  environment.push_back(random_padding(random_));
  return environment;
}

ProgramExecution ProgramSampler::execute(const std::string& allocator_name, bool traced,
                                         double deadline_seconds) {
  const Allocator& allocator = find(allocator_name);
  const PreloadPlan preload = plan_preload(allocator);
  const bool keeps_output = options_.check_output;
  const UniqueFd output = keeps_output ? new_output_file() : UniqueFd();
  ProcessRequest process;
  process.arguments = {options_.launcher.string(),
                       traced ? "prove" : "time",
                       kResultFdPlaceholder,
                       fmt::format("{}", keeps_output ? output.get() : -1),
                       options_.input,
                       preload.value,
                       options_.program.file.string()};
  process.arguments.insert(process.arguments.end(), options_.program.words.begin(),
                           options_.program.words.end());
  process.environment = environment_for(allocator);
  for (const UniqueFd& fd : preload.descriptors) process.inherited.push_back(fd.get());
  if (keeps_output) process.inherited.push_back(output.get());
  process.deadline_seconds = deadline_seconds;

  const ProcessOutcome outcome = supervise(process, {.interrupt_fd = options_.interrupt_fd});
  ProgramExecution execution;
  execution.seconds = outcome.seconds;
  execution.log = outcome.log;
  execution.command = repeat_program(options_.program.words, options_.input, &allocator, preload);
  execution.interrupted = outcome.end == ProcessEnd::kInterrupted;
  if (execution.interrupted) return execution;
  read_report(outcome.result, execution);
  if (const auto error = fact(execution, "ptrace_errno")) {
    throw UserError(
        fmt::format(
            "the program cannot be traced ({}), so it cannot be proven which malloc it runs "
            "on; in a container allow it with --cap-add SYS_PTRACE, else see "
            "/proc/sys/kernel/yama/ptrace_scope",
            std::strerror(static_cast<int>(*error))),
        ExitCode::kMissing);
  }
  execution.failure = failure_of(outcome, execution, deadline_seconds);
  if (keeps_output) execution.output_sha256 = hash_of(output.get());
  return execution;
}

std::optional<WorkerResult> ProgramSampler::failure_of(const ProcessOutcome& outcome,
                                                       const ProgramExecution& execution,
                                                       double deadline_seconds) {
  if (auto failure = judge_.failure(outcome, deadline_seconds)) return failure;
  if (const auto error = fact(execution, "exec_errno")) {
    return failed(Status::kCrashed, fmt::format("cannot start the program: {}",
                                                std::strerror(static_cast<int>(*error))));
  }
  if (const auto signal = fact(execution, "signal")) {
    return judge_.failure_of_signal(static_cast<int>(*signal), outcome.log);
  }
  const auto code = fact(execution, "exit");
  if (!code) return failed(Status::kCrashed, "the launcher told no end of the program");
  if (*code != options_.exit_code) {
    return failed(Status::kFailedCheck,
                  with_reason(fmt::format("exit code {}, expected {}", *code, options_.exit_code),
                              outcome.log));
  }
  return std::nullopt;
}

Execution ProgramSampler::run(CellRequest request, const std::string& allocator,
                              double deadline_seconds, bool timeline) {
  if (request.workload != options_.workload) {
    return worker_.run(std::move(request), allocator, deadline_seconds, timeline);
  }
  const MachineCounters before = read_machine_counters();
  ProgramExecution executed = execute(allocator, /*traced=*/false, deadline_seconds);
  const MachineCounters noise = difference(before, read_machine_counters());
  Execution execution;
  execution.in_worker = false;
  execution.interrupted = executed.interrupted;
  execution.seconds = executed.seconds;
  execution.command = std::move(executed.command);
  execution.log = std::move(executed.log);
  if (execution.interrupted) return execution;
  if (executed.failure) {
    execution.result = *executed.failure;
  } else if (!expected_output_.empty() && executed.output_sha256 != expected_output_) {
    execution.result = failed(Status::kFailedCheck,
                              "its output is not that of the first execution under the baseline; "
                              "--ignore-output accepts that");
  } else {
    execution.result = result_of(executed);
    add_machine_metrics(noise, executed.seconds, execution.result);
  }
  return execution;
}

}  // namespace stackheap
