// A tuning is an environment variable, and an allocator that does not know it, or has renamed it,
// runs on as if nothing were said. So a tuning is read back from the running library where the
// library has a way to tell, by symbol, never linked.
#pragma once

#include <string>
#include <string_view>

namespace stackheap {

enum class TuningProof {
  kProven,    // the library says that it is in effect
  kUnproven,  // the library has no way to tell
  kRefuted,   // the library says otherwise: the sample is not what its name says
};

struct TuningReport {
  TuningProof proof = TuningProof::kProven;
  std::string detail;  // for kUnproven and kRefuted: variable, wanted, found
};

// Whether read_back_tuning() can ever prove this one. A pure function, for the plan.
bool can_read_back(std::string_view variable, std::string_view value);

// Within the process under test, on a thread before the work starts. Reading glibc's number of
// arenas runs one short thread that allocates, since an arena appears with its first thread.
TuningReport read_back_tuning(std::string_view variable, std::string_view value);

// Of every variable of this process's environment that is known to tune an allocator; the worst
// report wins. With none set: proven.
TuningReport read_back_environment();

}  // namespace stackheap
