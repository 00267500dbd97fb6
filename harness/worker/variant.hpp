// From a variant's name to a workload's own enumeration, once per sample. The loops are templates
// chosen by a switch over that enumeration, so no name is compared where time is measured.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "harness/base/error.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {

template <class Kind>
struct VariantName {
  std::string_view name;
  Kind kind;
};

// The kind whose name the cell's variant is; throws UserError where there is none.
template <class Kind, std::size_t N>
Kind variant_of(const CellSpec& spec, const VariantName<Kind> (&names)[N]) {
  for (const VariantName<Kind>& row : names) {
    if (row.name == spec.variant) return row.kind;
  }
  throw UserError(std::string(spec.workload) + " has no variant '" + std::string(spec.variant) +
                  "'; `stackheap list variants` shows those it has");
}

}  // namespace stackheap
