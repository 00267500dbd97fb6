// The one document that a worker sends: it runs foreign libraries, so it may be anything.
#include "harness/model/sample.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <stdexcept>

using namespace stackheap;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  WorkerResult result;
  try {
    result = worker_result_from_json(fuzz::text_of(data, size));
  } catch (const std::runtime_error& error) {
    STACKHEAP_CHECK(std::string_view(error.what()).starts_with("worker result:"));
    return 0;
  }
  // What is accepted can be sent, and arrives as the same.
  const std::string sent = worker_result_to_json(result);
  STACKHEAP_CHECK(worker_result_to_json(worker_result_from_json(sent)) == sent);
  return 0;
}
