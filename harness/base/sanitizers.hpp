// Which sanitizers this is built with: gcc says it by macros, clang by __has_feature.
#pragma once

#if defined(__has_feature)
#define STACKHEAP_HAS_FEATURE(x) __has_feature(x)
#else
#define STACKHEAP_HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || STACKHEAP_HAS_FEATURE(address_sanitizer)
#define STACKHEAP_ADDRESS_SANITIZER 1
#endif
#if defined(__SANITIZE_THREAD__) || STACKHEAP_HAS_FEATURE(thread_sanitizer)
#define STACKHEAP_THREAD_SANITIZER 1
#endif

namespace stackheap {

#if defined(STACKHEAP_ADDRESS_SANITIZER)
inline constexpr bool kBuiltWithAddressSanitizer = true;
#else
inline constexpr bool kBuiltWithAddressSanitizer = false;
#endif
#if defined(STACKHEAP_THREAD_SANITIZER)
inline constexpr bool kBuiltWithThreadSanitizer = true;
#else
inline constexpr bool kBuiltWithThreadSanitizer = false;
#endif

// One of those that bring a malloc of their own and slow everything down.
inline constexpr bool kBuiltWithSanitizer =
    kBuiltWithAddressSanitizer || kBuiltWithThreadSanitizer ||
    STACKHEAP_HAS_FEATURE(memory_sanitizer) || STACKHEAP_HAS_FEATURE(hwaddress_sanitizer);

}  // namespace stackheap
