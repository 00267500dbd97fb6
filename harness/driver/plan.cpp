#include "harness/driver/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/base/error.hpp"
#include "harness/base/random.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace {

// A cell may use this part of the memory that is available; the rest is left for fragmentation.
constexpr double kMemoryPart = 0.6;

// 2^(1 - n) <= 0.05: with fewer rounds no twin could ever differ.
constexpr unsigned kFewestTwinRounds = 6;
constexpr std::uint64_t kTwinStream = 0x7477696eU;  // of random numbers, apart from the rounds'

bool matches_any(const std::vector<std::string>& globs, std::string_view name) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return glob_match(glob, name); });
}

template <class Names>
std::vector<std::string> collect(Names&& names) {
  std::set<std::string> unique(names.begin(), names.end());
  return {unique.begin(), unique.end()};
}

// Each glob must match something, or it is a typo.
void require_matches(std::span<const WorkloadInfo> workloads, const PlanOptions& options) {
  std::vector<std::string> names;
  std::vector<std::string> variants;
  std::vector<std::string> parameters;
  for (const WorkloadInfo& info : workloads) {
    if (info.anchor) continue;
    names.push_back(info.name);
    for (const VariantInfo& variant : info.variants) variants.push_back(variant.name);
    if (info.parameter) parameters.push_back(info.parameter->name);
  }
  const auto require = [](const char* what, const std::string& glob,
                          const std::vector<std::string>& known, const char* remedy) {
    if (std::none_of(known.begin(), known.end(),
                     [&](const std::string& name) { return glob_match(glob, name); })) {
      throw UserError(unknown_name_message(what, glob, collect(known), remedy));
    }
  };
  for (const auto& glob : options.workload_globs) {
    require("workload", glob, names, "stackheap list workloads");
  }
  for (const auto& glob : options.variant_globs) {
    require("variant", glob, variants, "stackheap list variants");
  }
  for (const auto& [name, values] : options.parameters) {
    require("parameter", name, parameters, "stackheap list workloads");
  }
}

// The tiers that apply: the profile's, or, for a workload named by the user that the profile leaves
// out, those of the next larger profile that has any.
const std::vector<Tier>& tiers_for(const WorkloadInfo& info, const PlanOptions& options) {
  static const std::vector<Tier> none;
  const bool named = !options.workload_globs.empty();
  for (const Profile profile : kProfiles) {
    if (profile < options.profile) continue;
    const auto& tiers = info.tiers_of(profile);
    if (!tiers.empty()) return tiers;
    if (!named) return none;
  }
  for (const Profile profile : kProfiles) {
    if (!info.tiers_of(profile).empty()) return info.tiers_of(profile);
  }
  return none;
}

std::vector<unsigned> threads_of(const WorkloadInfo& info, const Tier& tier,
                                 const PlanOptions& options, const Topology& topology) {
  if (!options.threads.empty()) return options.threads;
  const unsigned least = info.threads.minimum;
  const unsigned cpus = std::min(topology.usable_cpus(), info.threads.maximum);
  switch (tier.threads) {
    case TierThreads::kOne:
      return {least};
    case TierThreads::kAll:
      return {std::max(least, cpus)};
    case TierThreads::kOneAndAll:
      return {least, std::max(least, cpus)};
    case TierThreads::kSweep:
      break;
  }
  std::vector<unsigned> sweep;
  for (const unsigned threads : thread_counts_auto(topology.usable_cpus())) {
    if (threads >= least && threads <= info.threads.maximum) sweep.push_back(threads);
  }
  if (sweep.empty()) sweep.push_back(least);
  return sweep;
}

std::vector<std::optional<std::int64_t>> values_of(const WorkloadInfo& info, const Tier& tier,
                                                   const PlanOptions& options) {
  if (!info.parameter) return {std::nullopt};
  const auto given = options.parameters.find(info.parameter->name);
  const std::vector<std::int64_t>& values =
      given == options.parameters.end() ? tier.values : given->second;
  std::vector<std::optional<std::int64_t>> result;
  for (const std::int64_t value : values) {
    if (value < info.parameter->minimum || value > info.parameter->maximum) {
      throw UserError(fmt::format("{}: parameter {} must be between {} and {} {}, not {}",
                                  info.name, info.parameter->name, info.parameter->minimum,
                                  info.parameter->maximum, info.parameter->unit, value));
    }
    result.emplace_back(value);
  }
  return result;
}

// The allocators a variant is planned for; a null pointer stands for `none`.
std::vector<const Allocator*> allocators_of(const VariantInfo& variant, const Tier& tier,
                                            const PlanOptions& options) {
  if (!variant.uses_heap) return {nullptr};
  std::vector<const Allocator*> result;
  for (const Allocator& allocator : options.allocators) {
    const std::string& wanted = !variant.only_allocator.empty() ? variant.only_allocator
                                : tier.allocators == TierAllocators::kBaseline
                                    ? options.baseline_allocator
                                    : allocator.name;
    if (allocator.name == wanted) result.push_back(&allocator);
  }
  return result;
}

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
    for (Block& block : plan_.blocks) add_controls(block);
    return std::move(plan_);
  }

 private:
  // Only where times are compared. The twin is drawn from what can run.
  void add_controls(Block& block) const {
    if (options_.profile == Profile::kSmoke || block.most_rounds != 0) return;
    std::vector<std::size_t> runnable;
    for (std::size_t i = 0; i < block.cells.size(); ++i) {
      if (block.cells[i].skip_status.empty()) runnable.push_back(i);
    }
    if (runnable.size() < 2) return;
    block.lead = true;
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
  std::map<std::string, std::size_t> blocks_;
  std::set<Cell> seen_;
};

// Fisher and Yates' shuffle; std::shuffle's draws differ between standard libraries.
template <class T>
void shuffle(std::vector<T>& items, Random& random) {
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[random.below(static_cast<std::uint32_t>(i))]);
  }
}

std::vector<std::size_t> permutation(std::size_t size, Random& random) {
  std::vector<std::size_t> indices(size);
  for (std::size_t i = 0; i < size; ++i) indices[i] = i;
  shuffle(indices, random);
  return indices;
}

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

Load load_of_round(const Block& block) {
  Load load;
  for (const PlannedCell& cell : block.cells) {
    if (cell.skip_status.empty()) load.add(cell);
  }
  if (block.lead) {  // any of them
    load.seconds += load.seconds / static_cast<double>(load.samples);
    ++load.samples;
  }
  if (block.twin) load.add(block.cells[*block.twin]);
  return load;
}

}  // namespace

std::size_t Plan::samples(unsigned rounds) const {
  std::size_t count = 0;
  for (const auto* list : {&anchors, &blocks}) {
    for (const Block& block : *list) {
      count += load_of_round(block).samples * block.rounds_of(rounds);
    }
  }
  return count;
}

double Plan::seconds(unsigned rounds) const {
  double seconds = 0;
  for (const auto* list : {&anchors, &blocks}) {
    for (const Block& block : *list) {
      seconds += block.rounds_of(rounds) * load_of_round(block).seconds;
    }
  }
  return seconds;
}

double seconds_of_round(const Block& block) {
  return load_of_round(block).seconds;
}

std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

std::string Plan::hash() const {
  std::string text;
  for (const Block& block : blocks) {
    text += block.name + (block.lead ? " l\n" : "\n");
    for (const PlannedCell& planned : block.cells) {
      text += planned.cell.label("") + ' ' + planned.skip_status + (planned.pinned ? " p" : "") +
              (planned.oversubscribed ? " o\n" : "\n");
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

RoundOrder round_order(const Plan& plan, std::uint64_t seed, unsigned round) {
  Random random(derive_seed(seed, round));
  RoundOrder order;
  order.blocks = permutation(plan.blocks.size(), random);
  for (const std::size_t block : order.blocks) {
    const Block& members = plan.blocks[block];
    order.cells.push_back(permutation(members.cells.size() + (members.twin ? 1 : 0), random));
  }
  return order;
}

std::uint64_t block_seed(std::uint64_t seed, std::string_view block, unsigned round) {
  // 53 bits, so that every reader of the CSV keeps it exactly.
  return derive_seed(seed ^ stable_hash(block), round) >> 11U;
}

}  // namespace stackheap
