// The pattern of heap/pair, variant malloc, written by hand in a program without any harness: what
// scripts/harness-cost sets against the worker. Prints the median ns of one pair over the windows.
// usage: bare-pair BYTES PAIRS_PER_WINDOW WINDOWS
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::size_t bytes = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t pairs = std::strtoull(argv[2], nullptr, 10);
  std::vector<double> windows(std::strtoull(argv[3], nullptr, 10));
  if (bytes == 0 || pairs == 0 || windows.empty()) return 2;
  // The heap's state before the first window, as in heap/pair: one block stays live.
  std::vector<void*> blocks(std::clamp<std::size_t>(65'536 / bytes, 1, 256));
  for (void*& block : blocks) block = std::malloc(bytes);
  for (std::size_t i = 1; i < blocks.size(); ++i) std::free(blocks[i]);
  for (int warm_up = 3; warm_up >= 0; --warm_up) {
    for (double& window : windows) {
      const auto start = std::chrono::steady_clock::now();
      for (std::uint64_t i = 0; i < pairs; ++i) {
        auto* block = static_cast<volatile unsigned char*>(std::malloc(bytes));
        if (block == nullptr) return 3;
        block[0] = 1;
        for (std::size_t at = 4096; at < bytes; at += 4096) block[at] = 1;
        block[bytes - 1] = 1;
        std::free(const_cast<unsigned char*>(block));
      }
      const std::chrono::duration<double, std::nano> elapsed =
          std::chrono::steady_clock::now() - start;
      window = elapsed.count() / static_cast<double>(pairs);
      if (warm_up > 0) break;
    }
  }
  std::nth_element(windows.begin(),
                   windows.begin() + static_cast<std::ptrdiff_t>(windows.size() / 2),
                   windows.end());
  std::free(blocks[0]);
  std::printf("%.6f\n", windows[windows.size() / 2]);
}
