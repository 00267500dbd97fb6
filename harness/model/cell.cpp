#include "harness/model/cell.hpp"

#include <fmt/format.h>

namespace stackheap {

std::string Cell::label(std::string_view parameter_name) const {
  std::string text = fmt::format("{}/{}/{}", workload, variant, allocator);
  if (parameter && parameter_name.empty()) text += fmt::format("/{}", *parameter);
  if (parameter && !parameter_name.empty())
    text += fmt::format("/{}:{}", parameter_name, *parameter);
  return text + fmt::format("/threads:{}", threads);
}

}  // namespace stackheap
