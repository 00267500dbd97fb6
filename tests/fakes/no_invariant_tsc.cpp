// The real worker on a processor whose time stamp counter changes its rate: everything is as on
// this machine but that one bit of CPUID. The linker puts fake_source() in tsc_of_this_machine()'s
// place (tests/CMakeLists.txt), as CPUID cannot be made to say so in a process.
#include "harness/measure/tsc_clock.hpp"
#include "harness/worker/worker.hpp"

stackheap::TscSource real_source() asm("__real__ZN9stackheap19tsc_of_this_machineEv");
stackheap::TscSource fake_source() asm("__wrap__ZN9stackheap19tsc_of_this_machineEv");

namespace {

stackheap::CpuidRegisters without_invariant_bit(std::uint32_t leaf) {
  constexpr std::uint32_t kPowerLeaf = 0x8000'0007U;
  constexpr std::uint32_t kInvariantBit = 1U << 8U;
  stackheap::CpuidRegisters registers = real_source().cpuid(leaf);
  if (leaf == kPowerLeaf) registers.edx &= ~kInvariantBit;
  return registers;
}

}  // namespace

stackheap::TscSource fake_source() {
  stackheap::TscSource source = real_source();
  source.cpuid = without_invariant_bit;
  return source;
}

int main(int count, char** arguments) {
  return stackheap::worker_main(count, arguments);
}
