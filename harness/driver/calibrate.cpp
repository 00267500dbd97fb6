#include "harness/driver/calibrate.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"
#include "harness/base/random.hpp"
#include "harness/driver/calibration_design.hpp"
#include "harness/driver/plan.hpp"
#include "harness/driver/run_folder.hpp"

namespace stackheap {
namespace {

constexpr unsigned kPilots = 3;
constexpr double kDeadlineSeconds = 30;
// Two sessions of five are long: a detectable slowdown asks for as much of a pair's time as the
// largest budget. The others are short, as sessions are what error rates want many of. Five and the
// number of cells share no factor, so that each cell has both kinds.
constexpr double kLongPairSeconds = 60;
constexpr double kShortPairSeconds = 10;
constexpr bool is_long(std::uint64_t session) {
  return session % 5 == 1 || session % 5 == 4;
}
constexpr std::uint64_t kDisturbedOneIn = 10;
// In a long session the family runs in every other stretch of so many rounds: in all layouts.
constexpr std::uint64_t kFamilyStretch = 4;

// A process that does nothing but compute, on one CPU, until it is destroyed.
class Burner {
 public:
  explicit Burner(std::optional<unsigned> cpu) : pid_(::fork()) {
    if (pid_ < 0) throw_errno("start a process beside the sample");
    if (pid_ == 0) burn(cpu);
  }
  ~Burner() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Burner(const Burner&) = delete;
  Burner& operator=(const Burner&) = delete;

 private:
  [[noreturn]] static void burn(std::optional<unsigned> cpu) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (cpu) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(*cpu, &set);
      ::sched_setaffinity(0, sizeof set, &set);
    }
    for (volatile unsigned i = 0;;) i = i + 1;
  }

  pid_t pid_;
};

class Sessions {
 public:
  Sessions(std::span<const WorkloadInfo> workloads, const Topology& topology,
           const CalibrateOptions& options, SampleSource& sampler, BankFile& file)
      : workloads_(workloads),
        topology_(topology),
        options_(options),
        design_(calibration_design(options.turns)),
        sampler_(sampler),
        file_(file),
        random_(derive_seed(options.seed, file.next_session())) {}

  CalibrateReport run() {
    // Throws where the worker lacks one of them, before any has run.
    for (const CalibrationCell& cell : design_.cells) request_for(cell, 0);
    started_ns_ = monotonic_ns();
    while (!is_over()) run_session(design_.cells[file_.next_session() % design_.cells.size()]);
    return std::move(report_);
  }

 private:
  double left() const {
    return options_.budget_seconds - static_cast<double>(monotonic_ns() - started_ns_) * 1e-9;
  }
  bool is_over() const { return report_.interrupted || left() <= 0; }

  CellRequest request_for(const CalibrationCell& cell, std::uint64_t seed) const {
    CellRequest request;
    request.workload = cell.workload;
    request.variant = cell.variant;
    request.parameter = cell.parameter;
    request.threads = threads_of(cell, workloads_, topology_.usable_cpus());
    request.seed = seed;
    request.windows = design_.windows;
    request.warm_up_minimum = design_.warm_up;
    request.warm_up_maximum = design_.warm_up;
    PlannedCell planned;
    planned.cell.threads = request.threads;
    request.cpus = lane_cpus(planned, topology_, std::nullopt);
    return request;
  }

  // From the fastest of a few pilots; 0: none succeeded.
  std::uint64_t find_share(const CalibrationCell& cell) {
    std::uint64_t share = 0;
    for (unsigned i = 0; i < kPilots && !is_over(); ++i) {
      CellRequest request = request_for(cell, options_.seed);
      request.pilot_target_ns = design_.window_ns;
      const Execution execution =
          sampler_.run(request, options_.allocator, kDeadlineSeconds, false);
      report_.interrupted = execution.interrupted;
      if (execution.result.status == Status::kOk) {
        share = std::max(share, execution.result.share);
      } else {
        note_failure(execution);
      }
    }
    return share == 0 ? 0 : divisible_share(share);
  }

  void note_failure(const Execution& execution) {
    if (execution.interrupted) return;
    ++report_.failed;
    report_.failure =
        fmt::format("{}: {}", to_string(execution.result.status), execution.result.detail);
  }

  void run_session(const CalibrationCell& cell) {
    sampler_.use_worker(options_.layouts.front());
    const std::uint64_t share = find_share(cell);
    if (report_.interrupted) return;
    if (share == 0) {
      throw UserError(fmt::format("{}/{} under {} does not run: {}", cell.workload, cell.variant,
                                  options_.allocator, report_.failure),
                      ExitCode::kMissing);
    }
    BankSample sample;
    sample.session = file_.next_session();
    sample.started = utc_now();
    sample.cell = cell.label(options_.allocator);
    sample.all_cpus = cell.all_cpus;
    double pair_seconds = 0;
    const double enough = is_long(sample.session) ? kLongPairSeconds : kShortPairSeconds;
    for (std::uint64_t round = 0; pair_seconds < enough && !is_over(); ++round) {
      sample.round = round;
      sample.layout = static_cast<unsigned>(round % options_.layouts.size());
      sampler_.use_worker(options_.layouts[sample.layout]);
      pair_seconds += 2 * run_round(cell, share, sample);
    }
  }

  // Long sessions leave out what takes no part in a detectable slowdown, the family but half.
  bool runs(std::size_t first_side, const BankSample& sample) const {
    if (first_side == kOtherPair.baseline && !options_.other) return false;
    if (!is_long(sample.session)) return true;
    if (first_side < kFamilySides) return sample.round / kFamilyStretch % 2 == 0;
    return first_side != kOtherPair.baseline && first_side != kDisturbedPair.baseline;
  }

  // The units in random order, and the sides of each.
  std::vector<std::vector<std::size_t>> round_order(const BankSample& sample) {
    std::vector<std::vector<std::size_t>> units = bank_units();
    std::erase_if(units, [&](const auto& unit) { return !runs(unit.front(), sample); });
    shuffle(units, random_);
    for (std::vector<std::size_t>& unit : units) shuffle(unit, random_);
    return units;
  }

  // Returns the mean time of its pairs' samples.
  double run_round(const CalibrationCell& cell, std::uint64_t share, BankSample& sample) {
    const std::uint64_t seed = derive_seed(options_.seed ^ sample.session, sample.round) >> 11U;
    double seconds = 0;
    unsigned samples = 0;
    sample.order = 0;
    for (const std::vector<std::size_t>& unit : round_order(sample)) {
      if (is_over()) break;
      if (options_.on_progress) options_.on_progress(sample.session, sample.round, left());
      const unsigned before = sample.order;
      const double took = run_unit(unit, request_for(cell, seed), share, sample);
      if (unit.front() < kFamilySides) continue;
      seconds += took;
      samples += sample.order - before;
    }
    return seconds / std::max(samples, 1U);
  }

  // Returns the time it took.
  double run_unit(std::span<const std::size_t> sides, const CellRequest& request,
                  std::uint64_t share, BankSample& sample) {
    std::vector<PlacedRequest> placed;
    for (const std::size_t side : sides) placed.push_back(place(side, request, share));
    const auto keep = [&](std::size_t side, const Execution& execution) {
      return append(side, execution, request, share, sample);
    };
    return options_.turns ? run_in_turns(sides, placed, sample, keep)
                          : run_apart(sides, placed, sample, keep);
  }

  // `keep(side, execution)` puts a sample on the disk, before the next begins, and tells its time.
  template <class Keep>
  double run_apart(std::span<const std::size_t> sides, std::span<const PlacedRequest> placed,
                   const BankSample& sample, Keep&& keep) {
    double seconds = 0;
    for (std::size_t i = 0; i < sides.size() && !is_over(); ++i) {
      const auto burner = disturb(sides.subspan(i, 1), placed[i].request, sample);
      const Execution execution =
          sampler_.run(placed[i].request, placed[i].allocator, kDeadlineSeconds, false);
      report_.interrupted = execution.interrupted;
      if (!execution.interrupted) seconds += keep(sides[i], execution);
    }
    return seconds;
  }

  // All are disturbed where one is to be: they share the time.
  template <class Keep>
  double run_in_turns(std::span<const std::size_t> sides, std::span<const PlacedRequest> placed,
                      const BankSample& sample, Keep&& keep) {
    const auto burner = disturb(sides, placed.front().request, sample);
    const std::vector<Execution> executions = sampler_.run_together(placed, kDeadlineSeconds);
    double seconds = 0;
    report_.interrupted = true;
    for (std::size_t i = 0; i < sides.size(); ++i) {
      // Where one failed, the others were ended with it.
      if (executions[i].interrupted) continue;
      report_.interrupted = false;
      seconds += keep(sides[i], executions[i]);
    }
    return seconds;
  }

  // Null: none of these sides is disturbed in this round.
  static std::unique_ptr<Burner> disturb(std::span<const std::size_t> sides,
                                         const CellRequest& request, const BankSample& sample) {
    const bool wanted =
        sample.round % kDisturbedOneIn == 0 &&
        std::find(sides.begin(), sides.end(), kDisturbedPair.candidate) != sides.end();
    if (!wanted) return nullptr;
    return std::make_unique<Burner>(request.cpus.empty() ? std::nullopt
                                                         : std::optional(request.cpus.front()));
  }

  PlacedRequest place(std::size_t side, CellRequest request, std::uint64_t share) const {
    request.share = share_of_side(side, share);
    return {std::move(request),
            side == kOtherPair.candidate ? *options_.other : options_.allocator};
  }

  double append(std::size_t side, const Execution& execution, const CellRequest& request,
                std::uint64_t share, BankSample& sample) {
    sample.side = side;
    sample.status = execution.result.status;
    if (sample.status != Status::kOk) note_failure(execution);
    sample.threads = request.threads;
    sample.share = share;
    sample.seconds = execution.seconds;
    sample.windows.clear();
    for (const WindowResult& window : execution.result.windows) {
      sample.windows.push_back(static_cast<double>(window.nanoseconds) /
                               static_cast<double>(share));
    }
    if (sample.windows.empty() && sample.status == Status::kOk) sample.status = Status::kCrashed;
    file_.append(sample);
    ++report_.samples;
    ++sample.order;
    return sample.seconds;
  }

  std::span<const WorkloadInfo> workloads_;
  const Topology& topology_;
  const CalibrateOptions& options_;
  const CalibrationDesign& design_;
  SampleSource& sampler_;
  BankFile& file_;
  Random random_;
  std::uint64_t started_ns_ = 0;
  CalibrateReport report_;
};

}  // namespace

CalibrateReport calibrate(std::span<const WorkloadInfo> workloads, const Topology& topology,
                          const CalibrateOptions& options, SampleSource& sampler, BankFile& file) {
  STACKHEAP_CHECK(!options.layouts.empty());
  return Sessions(workloads, topology, options, sampler, file).run();
}

}  // namespace stackheap
