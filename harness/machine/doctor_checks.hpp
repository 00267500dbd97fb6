// The table of doctor's checks; nothing outside machine/ needs it. One row is one check: adding one
// is writing its function and its row.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "harness/machine/doctor.hpp"

namespace stackheap {

struct Patient {
  const Environment& environment;
  const LoadSnapshot& load;
  const Topology& topology;
  std::string_view build_flags;
};

struct Diagnosis {
  Severity severity = Severity::kOk;
  std::string what;
  std::string mend = {};
};

struct Check {
  std::string_view subject;
  std::string_view why;
  Diagnosis (*diagnose)(const Patient&);
};

std::span<const Check> processor_checks();  // doctor_processor.cpp: cores, clocks, other load
std::span<const Check> memory_checks();     // doctor_memory.cpp: pages, limits, swap
std::span<const Check> observer_checks();   // doctor_observer.cpp: what can be counted; the build

inline Diagnosis ok(std::string what) {
  return {Severity::kOk, std::move(what), {}};
}
inline Diagnosis note(std::string what, std::string mend = {}) {
  return {Severity::kNote, std::move(what), std::move(mend)};
}
inline Diagnosis warning(std::string what, std::string mend = {}) {
  return {Severity::kWarning, std::move(what), std::move(mend)};
}
// A fact that this kernel, or this container, does not show.
inline Diagnosis unknown(std::string_view where) {
  return note(std::string(where) + " cannot be read here; nothing can be done from inside");
}

}  // namespace stackheap
