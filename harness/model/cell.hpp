// A cell: one point of the plan. A block: the cells that are compared with each other.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stackheap {

struct Cell {
  std::string workload;   // "heap/pair"
  std::string variant;    // "malloc"
  std::string allocator;  // "glibc", or "none" where the variant does not use the heap
  std::optional<std::int64_t> parameter;
  unsigned threads = 1;

  auto operator<=>(const Cell&) const = default;
  // "heap/pair/malloc/glibc/size:64/threads:2", for people and logs. `parameter_name` may be empty.
  std::string label(std::string_view parameter_name) const;
};

// What the plan decided about a cell before anything ran.
struct PlannedCell {
  Cell cell;
  bool oversubscribed =
      false;  // more threads than CPUs: its times say how it copes, not how it scales
  bool pinned = false;
  bool turns = false;  // is alive with the block's cells of as many threads, and takes turns
  // Not empty: it is not run; its row gets this status' text and detail.
  std::string skip_status;
  std::string skip_detail;
  double expected_seconds = 0;
};

// Same workload and parameter value, all its variants, allocators and thread counts.
struct Block {
  std::string name;  // "heap/pair/size:64"
  std::string workload;
  std::optional<std::int64_t> parameter;
  std::vector<PlannedCell> cells;
  unsigned most_rounds = 0;  // of a run; 0: no limit
  unsigned every = 1;        // runs in the first of so many rounds
  bool timeline = false;     // the driver records its samples' memory over time
  // Its first process of a round is run twice and the first result discarded: what runs after
  // another block finds the machine in another state, an effect of 1 % that would hit one cell a
  // round. Where nothing else ran since the block's last round there is none.
  bool lead = false;
  // This cell runs a second time under another name. The two are the same, so a difference between
  // them is an error of the method, and shows its rate. Nothing where rounds are too few to differ.
  std::optional<std::size_t> twin;

  // Of a run of that many rounds.
  unsigned rounds_of(unsigned run_rounds) const {
    const unsigned rounds = most_rounds == 0 || run_rounds < most_rounds ? run_rounds : most_rounds;
    return (rounds + every - 1) / every;
  }
};

}  // namespace stackheap
