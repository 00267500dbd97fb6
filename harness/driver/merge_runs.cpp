#include "harness/driver/merge_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/driver/merge_json.hpp"
#include "harness/driver/run_differences.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

// Removes the folder again unless what it is for was reached.
class NewFolder {
 public:
  explicit NewFolder(const fs::path& path) : folder_(create_run_folder(path)) {}
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  ~NewFolder() {
    std::error_code none;  // an error is under way already, and says more
    if (!kept_) fs::remove_all(folder_.path, none);
  }
  const RunFolder& folder() const { return folder_; }
  void keep() { kept_ = true; }

 private:
  RunFolder folder_;
  bool kept_ = false;
};

std::string listed(const std::vector<std::string>& lines) {
  return "\n  " + join(lines, "\n  ");
}

std::vector<MergedRun> read_runs(std::span<const RunFolder> folders) {
  std::vector<MergedRun> runs;
  for (const RunFolder& folder : folders) runs.push_back(read_run_to_merge(folder));
  std::stable_sort(runs.begin(), runs.end(),
                   [](const MergedRun& a, const MergedRun& b) { return a.started < b.started; });
  return runs;
}

void refuse_differences(std::span<const MergedRun> runs) {
  for (const MergedRun& run : runs.subspan(1)) {
    const auto obstacles = merge_obstacles(runs.front().facts, run.facts);
    if (obstacles.empty()) continue;
    throw UserError(fmt::format(
        "{} and {} cannot be merged, as they are not of one kind:{}\nOnly rounds of the same cells "
        "with the same binaries on the same machine add up; `stackheap compare` sets two runs "
        "against each other",
        runs.front().path.string(), run.path.string(), listed(obstacles)));
  }
}

// A sample that counts twice would narrow intervals without any new knowledge.
void refuse_repeats(std::span<const MergedRun> runs) {
  std::map<std::string, const MergedRun*> seen;
  for (const MergedRun& run : runs) {
    for (const std::string& origin : run.origins) {
      const auto [known, is_new] = seen.emplace(origin, &run);
      if (is_new) continue;
      throw UserError(
          fmt::format("{} and {} hold the same samples; they would count twice: name each run once",
                      known->second->path.string(), run.path.string()));
    }
  }
}

void add_share_note(std::span<const MergedRun> runs, std::vector<std::string>& notes) {
  std::map<std::string, std::string> blocks;  // by name: the first difference
  for (const MergedRun& run : runs.subspan(1)) {
    for (const std::string& text : share_differences_of(runs.front().facts, run.facts)) {
      blocks.emplace(text.substr(0, text.find(' ')), text);
    }
  }
  if (blocks.empty()) return;
  notes.push_back(fmt::format(
      "operations per window differ between the runs in {} of {} blocks, for instance {}: what is "
      "per operation can be put together, but not times of windows and what grows with the number "
      "of operations",
      blocks.size(), runs.front().facts.block_rounds.size(), blocks.begin()->second));
}

std::vector<std::string> notes_of(std::span<const MergedRun> runs) {
  std::vector<std::string> notes;
  add_share_note(runs, notes);
  bool mixed = false;
  for (const MergedRun& run : runs) {
    if (run.rows.torn) {
      notes.push_back(fmt::format("{}: the last row was cut off and left out", run.path.string()));
    }
    if (!run.facts.finished) {
      notes.push_back(fmt::format("{}: this run was not finished; what is complete was merged",
                                  run.path.string()));
    }
    mixed = mixed || run.facts.alpha != runs.front().facts.alpha;
  }
  if (mixed) {
    notes.emplace_back(
        "some of the runs were ended by their precision: all intervals allow for that");
  }
  return notes;
}

}  // namespace

MergeReport merge_runs(std::span<const RunFolder> folders, const fs::path& out,
                       const std::vector<std::string>& command_line) {
  STACKHEAP_CHECK(!folders.empty());
  refuse_existing(out);
  std::vector<MergedRun> runs = read_runs(folders);
  refuse_repeats(runs);
  refuse_differences(runs);
  NewFolder folder(out);
  RowMerger rows(folder.folder());
  for (MergedRun& run : runs) run.rows = rows.add({run.path}, run.facts.rounds);
  rows.finish();
  // Last, as a folder without it is no run.
  write_file_atomically(folder.folder().run_json(), merged_run_json(runs, command_line));
  folder.keep();
  return {.folder = folder.folder(), .notes = notes_of(runs)};
}

}  // namespace stackheap
