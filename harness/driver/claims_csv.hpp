// claims.csv, a row for each claim of stack and heap, and claim_tests.csv, a row for each test of
// one.
#pragma once

#include <string>

#include "harness/driver/summarize_run.hpp"

namespace stackheap {

std::string claims_csv(const RunSummary& run);
std::string claim_tests_csv(const RunSummary& run);

}  // namespace stackheap
