// Faults that tests plant to prove that a workload's verification can fail. A check that nobody has
// seen fail proves nothing, and breaking the source by hand is not repeatable.
//
// A workload asks in setup or in verify, never inside the measured loop, and damages its own data
// as the fault says; its verify must then throw CheckFailed.
#pragma once

namespace stackheap {

enum class Fault {
  kNone,
  kFlipByte,  // one byte of an object's content, or one bit of a checksum, is inverted
  kDrop,      // one object, message or operation is lost
  kSkipFree,  // one object is not given back
};

// The fault that the environment variable STACKHEAP_TEST_FAULT names: "flip-byte", "drop" or
// "skip-free"; kNone where it is unset or empty. Throws UserError for any other text. Reads the
// environment on every call, so tests may change it between samples.
Fault planted_fault();

}  // namespace stackheap
