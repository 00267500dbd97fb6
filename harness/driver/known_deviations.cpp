#include "harness/driver/known_deviations.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "harness/base/text.hpp"

namespace stackheap {
namespace {

constexpr std::string_view kEnomem = "POSIX malloc, calloc, realloc: [ENOMEM]";
constexpr std::string_view kPowerOfTwo = "C17 7.22.3.1 (DR 460); aligned_alloc(3)";

// Measured with stackheap stress on Debian 12.
constexpr std::array kKnown{
    KnownDeviation{
        "glibc", "libc.so*", "2.36", "blocks/aligned_alloc-arguments", "odd-aligned_alloc",
        "aligned_alloc takes an alignment that is no power of two (libc6 2.36)", kPowerOfTwo},
};

bool is_about(const KnownDeviation& known, const std::vector<LibraryIdentity>& identities) {
  return std::any_of(identities.begin(), identities.end(), [&](const LibraryIdentity& identity) {
    const std::string file = std::filesystem::path(identity.path).filename().string();
    return glob_match(known.library, file) && glob_match(known.version, identity.version);
  });
}

}  // namespace

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
