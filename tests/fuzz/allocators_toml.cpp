// The TOML file of --allocators.
#include "harness/allocators/user.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace stackheap;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Allocator> builtins = [] {
    Allocator glibc;
    glibc.name = "glibc";
    return std::vector<Allocator>{glibc};
  }();
  try {
    const auto read =
        parse_allocator_toml(fuzz::text_of(data, size), "fuzz.toml", "/nonexistent", builtins);
    for (const Allocator& allocator : read) STACKHEAP_CHECK(!allocator.libraries.empty());
  } catch (const UserError& error) {
    fuzz::require_place(error.what(), "fuzz.toml");
  }
  return 0;
}
