#include "harness/worker/fault_hook.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

#include "harness/base/error.hpp"

namespace stackheap {

Fault planted_fault() {
  const char* value = std::getenv("STACKHEAP_TEST_FAULT");
  const std::string_view text = value == nullptr ? std::string_view() : std::string_view(value);
  if (text.empty()) return Fault::kNone;
  if (text == "flip-byte") return Fault::kFlipByte;
  if (text == "drop") return Fault::kDrop;
  if (text == "skip-free") return Fault::kSkipFree;
  throw UserError("STACKHEAP_TEST_FAULT is '" + std::string(text) +
                  "', which names no fault: unset it, or use flip-byte, drop or skip-free");
}

}  // namespace stackheap
