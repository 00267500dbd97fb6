#include "harness/machine/doctor.hpp"

#include "harness/machine/doctor_checks.hpp"

namespace stackheap {

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
  }
  return "";
}

std::vector<Finding> examine(const Environment& environment, const LoadSnapshot& load,
                             const Topology& topology, std::string_view build_flags) {
  const Patient patient{environment, load, topology, build_flags};
  std::vector<Finding> findings;
  for (const auto checks : {processor_checks(), memory_checks(), observer_checks()}) {
    for (const Check& check : checks) {
      Diagnosis diagnosis = check.diagnose(patient);
      findings.push_back({.severity = diagnosis.severity,
                          .subject = std::string(check.subject),
                          .what = std::move(diagnosis.what),
                          .why = std::string(check.why),
                          .mend = std::move(diagnosis.mend)});
    }
  }
  return findings;
}

}  // namespace stackheap
