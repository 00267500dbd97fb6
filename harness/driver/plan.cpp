#include "harness/driver/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "harness/base/error.hpp"
#include "harness/base/random.hpp"
#include "harness/base/text.hpp"
#include "harness/driver/plan_choice.hpp"

namespace stackheap {
namespace {

// A cell may use this part of the memory that is available; the rest is left for fragmentation.
constexpr double kMemoryPart = 0.6;

// 2^(1 - n) <= 0.05: with fewer rounds no twin could ever differ.
constexpr unsigned kFewestTwinRounds = 6;
constexpr std::uint64_t kTwinStream = 0x7477696eU;  // of random numbers, apart from the rounds'

void decide_whether_it_runs(PlannedCell& planned, const WorkloadInfo& info,
                            const VariantInfo& variant, const Allocator* allocator,
                            const PlanOptions& options) {
  const auto skip = [&](const char* status, std::string detail) {
    planned.skip_status = status;
    planned.skip_detail = std::move(detail);
  };
  const Cell& cell = planned.cell;
  const double live = info.live_bytes.at(cell.threads, cell.parameter.value_or(0));
  if (allocator != nullptr && !allocator->unavailable.empty()) {
    skip("unavailable", allocator->unavailable);
  } else if (cell.threads < info.threads.minimum || cell.threads > info.threads.maximum) {
    skip("unsupported", fmt::format("the workload runs with {} to {} threads", info.threads.minimum,
                                    info.threads.maximum));
  } else if (variant.single_threaded_process && cell.threads != 1) {
    skip("unsupported", "the variant keeps its process single-threaded");
  } else if (allocator != nullptr && allocator->frees_to_freeing_thread && info.blocks_migrate) {
    skip(
        "unsupported",
        "blocks wander between threads here, and this allocator keeps what it frees on the freeing "
        "thread, so it would grow without bound");
  } else if (options.available_memory_bytes != 0 &&
             live > kMemoryPart * static_cast<double>(options.available_memory_bytes)) {
    skip("unsupported",
         fmt::format("needs {} live, more than {:.0f} % of the {} that are available",
                     human_bytes(live), 100 * kMemoryPart,
                     human_bytes(static_cast<double>(options.available_memory_bytes))));
  }
}

class Planner {
 public:
  Planner(const PlanOptions& options, const Topology& topology)
      : options_(options), topology_(topology) {}

  void add(const WorkloadInfo& info) {
    infos_[info.name] = &info;
    for (const Tier& tier : tiers_for(info, options_)) {
      for (const auto& value : values_of(info, tier, options_)) {
        for (const VariantInfo& variant : info.variants) {
          if (is_selected(variant, tier)) add_variant(info, tier, value, variant);
        }
      }
    }
  }

  void add_anchor(const WorkloadInfo& info) {
    PlannedCell planned;
    planned.cell = {info.name, info.baseline_variant, std::string(kNoAllocator), std::nullopt,
                    info.threads.minimum};
    planned.pinned = !lane_cpus(planned, topology_, options_.pinning).empty();
    planned.expected_seconds = info.expected_seconds;
    Block block;
    block.name = info.name;
    block.workload = info.name;
    block.cells.push_back(std::move(planned));
    plan_.anchors.push_back(std::move(block));
  }

  Plan take() {
    for (Block& block : plan_.blocks) {
      if (options_.turns) choose_turns(block);
      add_controls(block);
    }
    return std::move(plan_);
  }

 private:
  void choose_turns(Block& block) const {
    const WorkloadInfo& info = *infos_.at(block.workload);
    if (info.shape != Shape::kWindowed) return;
    std::map<unsigned, double> live;  // by threads: bytes of all their cells, and of a twin
    const auto may = [](const PlannedCell& planned) {
      return planned.skip_status.empty() && !planned.oversubscribed;
    };
    for (const PlannedCell& planned : block.cells) {
      if (!may(planned)) continue;
      double& sum = live[planned.cell.threads];
      const double own =
          info.live_bytes.at(planned.cell.threads, planned.cell.parameter.value_or(0));
      sum += sum == 0 ? 2 * own : own;
    }
    for (PlannedCell& planned : block.cells) {
      planned.turns = may(planned) && (options_.available_memory_bytes == 0 ||
                                       live[planned.cell.threads] <= usable_bytes());
    }
  }

  double usable_bytes() const {
    return kMemoryPart * static_cast<double>(options_.available_memory_bytes);
  }

  // Only where times are compared. The twin is drawn from what can run.
  void add_controls(Block& block) const {
    if (options_.profile == Profile::kSmoke || block.most_rounds != 0) return;
    std::vector<std::size_t> runnable;
    for (std::size_t i = 0; i < block.cells.size(); ++i) {
      if (block.cells[i].skip_status.empty()) runnable.push_back(i);
    }
    if (runnable.size() < 2) return;
    // Where all take turns none of them is first.
    block.lead = std::any_of(runnable.begin(), runnable.end(),
                             [&](std::size_t i) { return !block.cells[i].turns; });
    if (options_.rounds < kFewestTwinRounds) return;
    Random random(derive_seed(options_.seed ^ stable_hash(block.name), kTwinStream));
    block.twin = runnable[random.below(static_cast<std::uint32_t>(runnable.size()))];
  }

  bool is_selected(const VariantInfo& variant, const Tier& tier) const {
    if (!options_.variant_globs.empty()) return matches_any(options_.variant_globs, variant.name);
    return tier.variants.empty() || std::find(tier.variants.begin(), tier.variants.end(),
                                              variant.name) != tier.variants.end();
  }

  void add_variant(const WorkloadInfo& info, const Tier& tier,
                   const std::optional<std::int64_t>& value, const VariantInfo& variant) {
    for (const Allocator* allocator : allocators_of(variant, tier, options_)) {
      std::vector<unsigned> threads = threads_of(info, tier, options_, topology_);
      // The profile's own choice, not the user's, gives way to what the variant can do.
      if (variant.single_threaded_process && options_.threads.empty()) threads = {1};
      for (const unsigned count : threads) {
        PlannedCell planned;
        planned.cell = {info.name, variant.name,
                        allocator == nullptr ? std::string(kNoAllocator) : allocator->name, value,
                        count};
        if (!seen_.insert(planned.cell).second) continue;
        planned.oversubscribed = count > topology_.usable_cpus();
        planned.pinned = !lane_cpus(planned, topology_, options_.pinning).empty();
        planned.expected_seconds = info.seconds_at(value.value_or(0));
        decide_whether_it_runs(planned, info, variant, allocator, options_);
        block_of(info, value).cells.push_back(std::move(planned));
      }
    }
  }

  Block& block_of(const WorkloadInfo& info, const std::optional<std::int64_t>& value) {
    const std::string name =
        value ? fmt::format("{}/{}:{}", info.name, info.parameter->name, *value) : info.name;
    const auto [at, is_new] = blocks_.try_emplace(name, plan_.blocks.size());
    if (is_new) {
      Block block;
      block.name = name;
      block.workload = info.name;
      block.parameter = value;
      block.most_rounds = options_.exact_rounds ? 0 : info.most_rounds;
      block.timeline = info.timeline;
      plan_.blocks.push_back(std::move(block));
    }
    return plan_.blocks[at->second];
  }

  const PlanOptions& options_;
  const Topology& topology_;
  Plan plan_;
  std::map<std::string, const WorkloadInfo*> infos_;
  std::map<std::string, std::size_t> blocks_;
  std::set<Cell> seen_;
};

}  // namespace

std::string_view to_string(Pinning pinning) {
  switch (pinning) {
    case Pinning::kNone:
      return "none";
    case Pinning::kCompact:
      return "compact";
    case Pinning::kSpread:
      return "spread";
  }
  return "";
}

std::size_t Plan::cells() const {
  std::size_t count = 0;
  for (const Block& block : blocks) count += block.cells.size();
  return count;
}

std::size_t Plan::runnable_cells() const {
  std::size_t count = 0;
  for (const Block& block : blocks) {
    for (const PlannedCell& cell : block.cells) count += cell.skip_status.empty() ? 1 : 0;
  }
  return count;
}

namespace {

struct Load {
  std::size_t samples = 0;
  double seconds = 0;

  void add(const PlannedCell& cell) {
    ++samples;
    seconds += cell.expected_seconds + kProcessSeconds;
  }
};

Load load_of_round(const Block& block, bool with_lead) {
  Load load;
  for (const PlannedCell& cell : block.cells) {
    if (cell.skip_status.empty()) load.add(cell);
  }
  if (block.lead && with_lead) {  // any of them
    load.seconds += load.seconds / static_cast<double>(load.samples);
    ++load.samples;
  }
  if (block.twin) load.add(block.cells[*block.twin]);
  return load;
}

// Rounds in which a block has a lead: one block alone follows itself where no anchor runs.
unsigned rounds_with_lead(const Plan& plan, const Block& block, unsigned rounds) {
  if (plan.blocks.size() > 1) return block.rounds_of(rounds);
  return std::min(block.rounds_of(rounds),
                  plan.anchors.empty() ? 1U : plan.anchors.front().rounds_of(rounds));
}

Load load_of(const Plan& plan, unsigned rounds) {
  Load sum;
  const auto add = [&](const Load& load, unsigned times) {
    sum.samples += load.samples * times;
    sum.seconds += load.seconds * times;
  };
  for (const Block& anchor : plan.anchors)
    add(load_of_round(anchor, false), anchor.rounds_of(rounds));
  for (const Block& block : plan.blocks) {
    const unsigned leads = rounds_with_lead(plan, block, rounds);
    add(load_of_round(block, true), leads);
    add(load_of_round(block, false), block.rounds_of(rounds) - leads);
  }
  return sum;
}

}  // namespace

std::size_t Plan::samples(unsigned rounds) const {
  return load_of(*this, rounds).samples;
}

double Plan::seconds(unsigned rounds) const {
  return load_of(*this, rounds).seconds;
}

void ration_anchors(Plan& plan, double part) {
  constexpr double kLeastOften = 8;
  double anchors = 0;
  double blocks = 0;
  for (const Block& anchor : plan.anchors) anchors += load_of_round(anchor, false).seconds;
  for (const Block& block : plan.blocks) blocks += load_of_round(block, false).seconds;
  const double every = std::clamp(std::ceil(anchors / (part * blocks)), 1.0, kLeastOften);
  for (Block& anchor : plan.anchors) anchor.every = static_cast<unsigned>(every);
}

double seconds_of_round(const Block& block) {
  return load_of_round(block, true).seconds;
}

std::string Plan::hash() const {
  std::string text;
  for (const Block& block : blocks) {
    text += block.name + (block.lead ? " l\n" : "\n");
    for (const PlannedCell& planned : block.cells) {
      text += planned.cell.label("") + ' ' + planned.skip_status + (planned.pinned ? " p" : "") +
              (planned.turns ? " t" : "") + (planned.oversubscribed ? " o\n" : "\n");
    }
  }
  return fmt::format("{:016x}", stable_hash(text));
}

Plan make_plan(std::span<const WorkloadInfo> workloads, const PlanOptions& options,
               const Topology& topology) {
  require_matches(workloads, options);
  Planner planner(options, topology);
  for (const WorkloadInfo& info : workloads) {
    if (info.anchor) {
      if (options.profile != Profile::kSmoke) planner.add_anchor(info);
      continue;
    }
    if (options.workload_globs.empty() || matches_any(options.workload_globs, info.name)) {
      planner.add(info);
    }
  }
  Plan plan = planner.take();
  if (plan.blocks.empty()) {
    throw UserError(
        "nothing to run: no variant of the selected workloads fits the selected variants and "
        "allocators; `stackheap list variants` shows which variant belongs to which workload");
  }
  return plan;
}

std::vector<unsigned> lane_cpus(const PlannedCell& cell, const Topology& topology,
                                std::optional<Pinning> pinning) {
  const std::size_t threads = cell.cell.threads;
  if (!pinning) {
    pinning = threads <= topology.usable_cpus() ? Pinning::kSpread : Pinning::kNone;
  }
  if (*pinning == Pinning::kNone) return {};
  std::vector<unsigned> order =
      *pinning == Pinning::kCompact ? topology.compact_order() : topology.spread_order();
  if (order.size() > threads) order.resize(threads);
  return order;
}

}  // namespace stackheap
