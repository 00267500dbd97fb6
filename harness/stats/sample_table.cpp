#include "harness/stats/sample_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "harness/base/error.hpp"

namespace stackheap {

SampleTable::SampleTable(std::vector<std::string> metrics) : metrics_(std::move(metrics)) {}

std::size_t SampleTable::add_cell(TableCell cell) {
  const std::string label = cell.cell.label("");
  if (cell.twin_of) {
    if (*cell.twin_of >= cells_.size() || cells_[*cell.twin_of].cell.twin_of) {
      throw std::invalid_argument("twin " + label + ": add the cell that it repeats before it");
    }
  } else if (!index_.emplace(cell.cell, cells_.size()).second) {
    throw std::invalid_argument("cell " + label + ": it is in the table already");
  }
  cells_.emplace_back();
  cells_.back().cell = std::move(cell);
  return cells_.size() - 1;
}

std::optional<std::size_t> SampleTable::find_cell(const Cell& cell) const {
  const auto it = index_.find(cell);
  return it == index_.end() ? std::nullopt : std::optional(it->second);
}

void SampleTable::add(std::size_t cell, unsigned round, std::span<const double> values) {
  STACKHEAP_CHECK(cell < cells_.size() && values.size() == metrics_.size());
  Record& record = cells_[cell];
  const auto it = std::lower_bound(record.rounds.begin(), record.rounds.end(), round);
  const auto row = it - record.rounds.begin();
  const auto width = static_cast<std::ptrdiff_t>(metrics_.size());
  if (it == record.rounds.end() || *it != round) {
    record.rounds.insert(it, round);
    record.values.insert(record.values.begin() + row * width, values.begin(), values.end());
    return;
  }
  const auto present = record.values.begin() + row * width;
  for (std::ptrdiff_t metric = 0; metric < width; ++metric) {
    const double value = values[static_cast<std::size_t>(metric)];
    if (std::isnan(value)) continue;
    if (!std::isnan(present[metric])) {
      throw std::invalid_argument(fmt::format(
          "cell {}: round {} has two values of {}; a cell has one timed sample in a round",
          record.cell.cell.label(""), round, metrics_[static_cast<std::size_t>(metric)]));
    }
    present[metric] = value;
  }
}

void SampleTable::add_text(std::size_t cell, std::string_view metric, std::string_view text) {
  STACKHEAP_CHECK(cell < cells_.size());
  ++cells_[cell].texts[std::string(metric)][std::string(text)];
}

const SampleTable::TextCounts& SampleTable::texts(std::size_t cell, std::string_view metric) const {
  static const TextCounts kNone;
  const auto it = cells_[cell].texts.find(metric);
  return it == cells_[cell].texts.end() ? kNone : it->second;
}

std::optional<std::size_t> SampleTable::find_metric(std::string_view name) const {
  const auto it = std::find(metrics_.begin(), metrics_.end(), name);
  if (it == metrics_.end()) return std::nullopt;
  return static_cast<std::size_t>(it - metrics_.begin());
}

void pair_rows(const SampleTable& table, std::size_t first, std::size_t second,
               std::vector<RowPair>& pairs) {
  pairs.clear();
  const auto a = table.rounds(first);
  const auto b = table.rounds(second);
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      pairs.push_back({i++, j++});
    } else if (a[i] < b[j]) {
      ++i;
    } else {
      ++j;
    }
  }
}

}  // namespace stackheap
