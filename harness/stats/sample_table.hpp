// What the statistics read: per cell and round the numbers of its sample, and nothing of how they
// were stored. A table of a million samples of 40 metrics is a few hundred megabytes of doubles,
// where a vector of Sample would be some ten gigabytes of strings.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/model/cell.hpp"

namespace stackheap {

struct TableCell {
  Cell cell;
  std::string block;  // Block::name
  bool oversubscribed = false;
  std::size_t planned = 0;        // timed samples planned so far
  std::size_t ok = 0;             // those that ended ok
  bool anchor = false;            // shows the machine's drift, is compared with nothing
  std::size_t failed_checks = 0;  // those whose own result was wrong
  // This is the second run of that cell under another name: outside every family and summary, only
  // compared with the cell it repeats.
  std::optional<std::size_t> twin_of;
};

class SampleTable {
 public:
  // `metrics`: names, in the order in which add() gets their values.
  explicit SampleTable(std::vector<std::string> metrics);

  // Returns the cell's index. Throws std::invalid_argument for a cell that is in the table already
  // or a twin of no cell.
  std::size_t add_cell(TableCell cell);
  std::optional<std::size_t> find_cell(const Cell& cell) const;  // no twins

  // The values of one `ok` sample, NaN where it has none; in any order of rounds. A second sample
  // of the same cell and round (an instrumented one beside the timed one) may only fill what is
  // missing: a value given twice throws std::invalid_argument.
  void add(std::size_t cell, unsigned round, std::span<const double> values);

  // What a text metric said in one `ok` sample; for the few that a claim asks for.
  void add_text(std::size_t cell, std::string_view metric, std::string_view text);
  // How often each text was said.
  using TextCounts = std::map<std::string, std::size_t, std::less<>>;
  const TextCounts& texts(std::size_t cell, std::string_view metric) const;

  const std::vector<std::string>& metrics() const { return metrics_; }
  std::optional<std::size_t> find_metric(std::string_view name) const;

  std::size_t size() const { return cells_.size(); }
  TableCell& cell(std::size_t index) { return cells_[index].cell; }
  const TableCell& cell(std::size_t index) const { return cells_[index].cell; }
  // Ascending; row r of the cell is its sample of round rounds()[r].
  std::span<const unsigned> rounds(std::size_t cell) const { return cells_[cell].rounds; }
  double value(std::size_t cell, std::size_t row, std::size_t metric) const {
    return cells_[cell].values[row * metrics_.size() + metric];
  }

 private:
  struct Record {
    TableCell cell;
    std::vector<unsigned> rounds;
    std::vector<double> values;  // a row of metrics_.size() for each round
    std::map<std::string, TextCounts, std::less<>> texts;  // by metric
  };

  std::vector<std::string> metrics_;
  std::vector<Record> cells_;
  std::map<Cell, std::size_t> index_;
};

// Rows of two cells that are of the same round.
struct RowPair {
  std::size_t first = 0;
  std::size_t second = 0;
};
// Replaces `pairs`.
void pair_rows(const SampleTable& table, std::size_t first, std::size_t second,
               std::vector<RowPair>& pairs);

}  // namespace stackheap
