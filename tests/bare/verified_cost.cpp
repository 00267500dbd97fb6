// What verification costs: the traffic of threads/shared-slots with its plain policy and with the
// one that the stress check uses, in turns, on the malloc that this process has. Prints one line of
// CSV. usage: verified-cost [THREADS [ROUNDS [SECONDS]]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "harness/base/clock.hpp"
#include "harness/measure/spin_barrier.hpp"
#include "suites/common/shared_slots.hpp"
#include "suites/common/verified_slots.hpp"

namespace {

using namespace stackheap;
using namespace stackheap::shared_slots;

void report(const Lane& lane, const SlotFault& fault) {
  std::fprintf(stderr, "lane %u: %s\n", lane.index, fault.what);
  std::abort();
}

// Objects made a second, by all threads.
template <class Policy>
double rate_of(Policy& policy, unsigned threads, double seconds, std::uint64_t seed) {
  SharedSlots<Policy> objects(policy, threads);
  MappedArray<Lane> lanes(threads);
  MappedArray<std::uint64_t> made(threads);
  SpinBarrier barrier(threads);
  std::uint64_t started = 0;
  std::uint64_t ended = 0;
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      Lane& lane = lanes[i];
      lane.index = i;
      lane.count = threads;
      lane.random = Random(derive_seed(seed, i));
      const std::uint32_t weight = weight_of(i);
      Holdings holdings(kPlayed * weight, kKept * weight);
      barrier.arrive_and_wait();
      if (i == 0) started = monotonic_ns();
      const std::uint64_t begun = monotonic_ns();
      while (static_cast<double>(monotonic_ns() - begun) < seconds * 1e9) {
        holdings.begin(kPlayed * weight, kKept * weight);
        made[i] += objects.run(lane, holdings, UINT64_MAX);
        objects.release(lane, holdings);
        objects.thin_out(lane);
      }
      barrier.arrive_and_wait();
      if (i == 0) ended = monotonic_ns();
    });
  }
  for (std::thread& thread : running) thread.join();
  objects.finish("verified-cost", lanes[0]);
  std::uint64_t sum = 0;
  for (const std::uint64_t one : made) sum += one;
  return static_cast<double>(sum) / (static_cast<double>(ended - started) * 1e-9);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

int main(int argc, char** argv) {
  const auto threads = static_cast<unsigned>(argc > 1 ? std::atoi(argv[1]) : 2);
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 7;
  const double seconds = argc > 3 ? std::atof(argv[3]) : 0.3;
  if (threads < 1 || rounds < 1 || seconds <= 0) {
    std::fprintf(stderr, "usage: verified-cost [THREADS [ROUNDS [SECONDS]]]\n");
    return 2;
  }
  std::vector<double> plain;
  std::vector<double> verified;
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    Plain first;
    Verified second(report);
    const auto seed = static_cast<std::uint64_t>(round);
    plain.push_back(rate_of(first, threads, seconds, seed));
    verified.push_back(rate_of(second, threads, seconds, seed));
    ratios.push_back(verified.back() / plain.back());
  }
  std::printf("%u,%d,%.0f,%.0f,%.3f\n", threads, rounds, median(plain), median(verified),
              median(ratios));
  return 0;
}
