// run.json, which people edit and other versions write.
#include "harness/driver/run_facts.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace stackheap;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const RunFacts facts = parse_run_facts(fuzz::text_of(data, size), "run.json");
    STACKHEAP_CHECK(facts.margin >= 0 && facts.alpha > 0 && facts.alpha < 1);
  } catch (const UserError& error) {
    fuzz::require_place(error.what(), "run.json");
  }
  return 0;
}
