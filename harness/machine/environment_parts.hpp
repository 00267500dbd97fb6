// The parts of capture_environment(), one file each; nothing outside machine/ needs them.
#pragma once

#include <filesystem>

#include "harness/machine/environment.hpp"

namespace stackheap {

CpuEnvironment read_cpu_environment(const std::filesystem::path& root);
KernelEnvironment read_kernel_environment(const std::filesystem::path& root);
MemoryEnvironment read_memory_environment(const std::filesystem::path& root);

}  // namespace stackheap
