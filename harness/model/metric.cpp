#include "harness/model/metric.hpp"

namespace stackheap {

std::string_view to_string(MetricType type) {
  switch (type) {
    case MetricType::kInteger:
      return "integer";
    case MetricType::kReal:
      return "real";
    case MetricType::kText:
      return "text";
  }
  return "";
}

std::string_view to_string(MetricScope scope) {
  return scope == MetricScope::kSample ? "sample" : "derived";
}

std::string_view to_string(Direction direction) {
  switch (direction) {
    case Direction::kNone:
      return "";
    case Direction::kLess:
      return "less";
    case Direction::kMore:
      return "more";
  }
  return "";
}

}  // namespace stackheap
