#include "harness/base/build_info.hpp"

#include "harness/base/sanitizers.hpp"

#define STACKHEAP_TEXT_OF(x) #x
#define STACKHEAP_TEXT(x) STACKHEAP_TEXT_OF(x)
#if defined(__clang__)
#define STACKHEAP_COMPILER                                                                         \
  "clang " STACKHEAP_TEXT(__clang_major__) "." STACKHEAP_TEXT(__clang_minor__) "." STACKHEAP_TEXT( \
      __clang_patchlevel__)
#else
#define STACKHEAP_COMPILER                                                               \
  "gcc " STACKHEAP_TEXT(__GNUC__) "." STACKHEAP_TEXT(__GNUC_MINOR__) "." STACKHEAP_TEXT( \
      __GNUC_PATCHLEVEL__)
#endif

namespace stackheap {

std::string_view version() {
  return STACKHEAP_VERSION;
}
std::string_view compiler() {
  return STACKHEAP_COMPILER;
}
std::string_view compiler_flags() {
  return STACKHEAP_BUILD_FLAGS;
}

std::string_view sanitizer() {
  if (kBuiltWithAddressSanitizer) return "address";
  return kBuiltWithThreadSanitizer ? "thread" : "";
}

}  // namespace stackheap
