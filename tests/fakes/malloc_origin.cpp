// Tells from inside a process which malloc it runs on:
//   malloc_origin prove [FILE...]   prove_injection(); exit 0 if proven, else prints why and exits
//   1 malloc_origin tuning            read_back_environment(); prints proven, unproven or refuted
//   malloc_origin statistics        arenas and lock counters after two threads have allocated
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "harness/allocators/proof.hpp"
#include "harness/allocators/statistics.hpp"
#include "harness/allocators/tuning.hpp"

namespace {

int prove(const std::vector<std::string>& expected_files) {
  const stackheap::ProofResult proof = stackheap::prove_injection(expected_files);
  std::puts(proof.ok ? "ok" : proof.detail.c_str());
  return proof.ok ? 0 : 1;
}

int tuning() {
  constexpr const char* kNames[] = {"proven", "unproven", "refuted"};
  const stackheap::TuningReport report = stackheap::read_back_environment();
  std::printf("%s %s\n", kNames[static_cast<int>(report.proof)], report.detail.c_str());
  return 0;
}

void allocate_some() {
  void* blocks[1000];
  for (void*& block : blocks) block = std::malloc(3000);
  asm volatile("" : : "r"(blocks) : "memory");
  for (void* block : blocks) std::free(block);
}

int statistics() {
  stackheap::reset_allocator_statistics();
  std::thread other(allocate_some);
  allocate_some();
  other.join();
  const stackheap::AllocatorStatistics counts = stackheap::read_allocator_statistics();
  const auto print = [](const char* name, const auto& value) {
    std::printf("%s=%s\n", name, value ? std::to_string(*value).c_str() : "none");
  };
  print("arenas", counts.arenas);
  print("lock_ops", counts.lock_ops);
  print("lock_waits", counts.lock_waits);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view command = count > 1 ? arguments[1] : "";
  if (command == "prove") return prove({arguments + 2, arguments + count});
  if (command == "tuning") return tuning();
  if (command == "statistics") return statistics();
  std::fprintf(stderr, "unknown command '%s'\n", std::string(command).c_str());
  return 2;
}
