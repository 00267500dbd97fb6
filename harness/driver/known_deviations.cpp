#include "harness/driver/known_deviations.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "harness/base/text.hpp"

namespace stackheap {
namespace {

constexpr std::string_view kEnomem = "POSIX malloc, calloc, realloc: [ENOMEM]";
constexpr std::string_view kMemalign = "memalign(3), valloc(3), pvalloc(3)";
constexpr std::string_view kAligned = "POSIX posix_memalign; C17 7.22.3.1";
constexpr std::string_view kPowerOfTwo = "C17 7.22.3.1 (DR 460); aligned_alloc(3)";

// Measured with stackheap stress on Debian 12.
constexpr std::array kKnown{
    KnownDeviation{
        "glibc", "libc.so*", "2.36", "blocks/aligned_alloc-arguments", "odd-aligned_alloc", false,
        "aligned_alloc takes an alignment that is no power of two (libc6 2.36)", kPowerOfTwo},
    KnownDeviation{"jemalloc", "libjemalloc.so*", "2", "blocks/failed-realloc",
                   "errno-of-failed-realloc*", false,
                   "a failed realloc leaves errno as it was (libjemalloc2 5.3.0)", kEnomem},
    KnownDeviation{"jemalloc", "libjemalloc.so*", "2", "*", "errno-of-*-realloc", false,
                   "a failed realloc leaves errno as it was (libjemalloc2 5.3.0)", kEnomem},
    KnownDeviation{"jemalloc", "libjemalloc.so*", "2", "*", "errno-of-*-memalign", false,
                   "a failed memalign leaves errno as it was (libjemalloc2 5.3.0)", kMemalign},
    KnownDeviation{"jemalloc", "libjemalloc.so*", "2", "*", "errno-of-*-valloc", false,
                   "a failed valloc leaves errno as it was (libjemalloc2 5.3.0)", kMemalign},
    KnownDeviation{"jemalloc", "libjemalloc.so*", "2", "threads/entry-points", "foreign-pvalloc",
                   false,
                   "there is no pvalloc, so the C library's is found, whose blocks free() does not "
                   "know (libjemalloc2 5.3.0)",
                   kMemalign},
    KnownDeviation{"mimalloc", "libmimalloc.so*", "2.0", "*", "errno-of-*", false,
                   "most failures leave errno as it was (libmimalloc2.0 2.0.9)", kEnomem},
    KnownDeviation{
        "mimalloc", "libmimalloc.so*", "2.0", "*", "misaligned-power-of-two", true,
        "blocks of 256, 512 and 1024 B from the functions that take an alignment of 256 or more "
        "are aligned to 128 only: they are taken for aligned to their size (libmimalloc2.0 2.0.9)",
        kAligned},
    KnownDeviation{
        "tcmalloc", "libtcmalloc_minimal.so*", "4.5.10", "blocks/overflow",
        "errno-of-overflow-calloc", false,
        "a calloc whose product overflows leaves errno as it was (libtcmalloc-minimal4 2.10)",
        kEnomem},
    KnownDeviation{
        "tcmalloc", "libtcmalloc_minimal.so*", "4.5.10", "blocks/aligned_alloc-arguments",
        "odd-aligned_alloc", false,
        "aligned_alloc takes an alignment that is no power of two (libtcmalloc-minimal4 2.10)",
        kPowerOfTwo},
    KnownDeviation{"tcmalloc", "libtcmalloc_minimal.so*", "4.5.10", "blocks/huge",
                   "block-of-huge-pvalloc", true,
                   "pvalloc of almost SIZE_MAX wraps around when it rounds up to pages, and gives "
                   "one page (libtcmalloc-minimal4 2.10)",
                   kMemalign},
    KnownDeviation{
        "tbbmalloc", "libtbbmalloc_proxy.so*", "2.8", "blocks/huge", "errno-of-huge-pvalloc", false,
        "a pvalloc that is too large fails with EINVAL (libtbbmalloc2 2021.8)", kMemalign},
    KnownDeviation{"scudo", "libclang_rt.scudo_standalone*", "*", "blocks/huge",
                   "errno-of-huge-memalign", false,
                   "a memalign of more than there is leaves errno as it was (LLVM 22)", kMemalign},
    KnownDeviation{
        "scudo", "libclang_rt.scudo_standalone*", "*", "blocks/large", "abort-at-large", false,
        "memory that the kernel refuses ends the process with a message (LLVM 22)", kEnomem},
};

bool is_about(const KnownDeviation& known, const std::vector<LibraryIdentity>& identities) {
  return std::any_of(identities.begin(), identities.end(), [&](const LibraryIdentity& identity) {
    const std::string file = std::filesystem::path(identity.path).filename().string();
    return glob_match(known.library, file) && glob_match(known.version, identity.version);
  });
}

}  // namespace

std::vector<std::string> known_defects_of(const std::vector<LibraryIdentity>& identities) {
  std::vector<std::string> names;
  for (const KnownDeviation& known : kKnown) {
    if (known.defect && is_about(known, identities)) names.emplace_back(known.deviation);
  }
  return names;
}

std::span<const KnownDeviation> known_deviations() {
  return kKnown;
}

std::string novelty_of(const Allocator& allocator, const std::vector<LibraryIdentity>& identities,
                       std::string_view check, std::string_view deviation) {
  std::string as;
  for (const KnownDeviation& known : kKnown) {
    if (!glob_match(known.check, check) || !glob_match(known.deviation, deviation)) continue;
    if (is_about(known, identities)) return "known";
    if (as.empty()) as = "as " + std::string(known.allocator);
  }
  return allocator.origin == AllocatorOrigin::kUser && !as.empty() ? as : "new";
}

}  // namespace stackheap
