// What libraries are known to do otherwise than C, POSIX or their manual say, without losing
// memory. A stress run reports such a deviation and does not fail; one that is not in this table is
// shown as new. A table in the program and not a file beside it: it belongs to the version of the
// checks.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/allocators/library_check.hpp"
#include "harness/model/allocator.hpp"

namespace stackheap {

struct KnownDeviation {
  std::string_view allocator;  // the built-in row
  std::string_view library;    // pattern of the library's file name
  std::string_view version;    // pattern of its version as identify_allocator() tells it
  std::string_view check;      // pattern
  std::string_view deviation;  // pattern of the name that the check notes
  bool defect = false;         // would be unsafe; the check goes on where it is known
  std::string_view what;       // and which package it was measured on
  std::string_view source;     // of the rule, or of the library's own statement
};
std::span<const KnownDeviation> known_deviations();

// Names of this library's known defects, for CheckRequest.
std::vector<std::string> known_defects_of(const std::vector<LibraryIdentity>& identities);

// "known" where a row is about this library in this version; "as NAME" where it is about another
// one only, and the library is one that the user brought (it may well be built on that one); else
// "new".
std::string novelty_of(const Allocator& allocator, const std::vector<LibraryIdentity>& identities,
                       std::string_view check, std::string_view deviation);

}  // namespace stackheap
