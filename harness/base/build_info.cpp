#include "harness/base/build_info.hpp"

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

#if defined(__has_feature)
#define STACKHEAP_HAS_FEATURE(x) __has_feature(x)
#else
#define STACKHEAP_HAS_FEATURE(x) 0
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
#if defined(__SANITIZE_ADDRESS__) || STACKHEAP_HAS_FEATURE(address_sanitizer)
  return "address";
#elif defined(__SANITIZE_THREAD__) || STACKHEAP_HAS_FEATURE(thread_sanitizer)
  return "thread";
#else
  return "";
#endif
}

}  // namespace stackheap
