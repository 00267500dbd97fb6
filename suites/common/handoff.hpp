// The pattern of threads/handoff for every workload that runs it: producers allocate batches of 64
// objects of 64 B, consumers free them, through a bounded queue (C. Lever and D. Boreham, USENIX
// 2000). It stands apart because a latency is of interest only beside the throughput of exactly the
// same pattern.
//
// `producers` percent of the threads produce, at least one and not all of them. In a window of n
// operations a lane there are n T / 2 objects, shared out evenly to the producers and evenly to the
// consumers. The queue is half full when a window opens and when it ends. Registered with
// `uncounted_work = false`: a consumer that goes on would wait for objects that nobody makes.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <span>
#include <string>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/batch_queue.hpp"
#include "suites/common/chain_stack.hpp"

namespace stackheap::handoff {

inline constexpr std::size_t kCapacity = 1024;
inline constexpr std::size_t kBatch = 64;
inline constexpr std::uint64_t kStanding = kCapacity / 2;  // in the queue between windows

struct Object {
  Object* next;
  std::uint64_t stamp;
  std::uint64_t producer;
  unsigned char filling[39];
  unsigned char last;  // the stamp's lowest byte
};
static_assert(sizeof(Object) == 64);

// At most: the queue, and a batch in each thread's hands.
inline constexpr double kLiveBytes = kCapacity * sizeof(Object);
inline constexpr double kLiveBytesPerThread = kBatch * sizeof(Object);

struct alignas(2 * kCacheLine) Producer {
  std::uint64_t objects = 0;
  std::uint64_t stamps = 0;
  Object* spare = nullptr;  // `no-alloc`: free objects of its pool
  MappedArray<Object> pool;
  ChainStack<Object> homecoming;  // `no-alloc`: its objects, sent home by the consumers
};

struct alignas(2 * kCacheLine) Consumer {
  std::uint64_t objects = 0;
  std::uint64_t stamps = 0;
  std::uint64_t damaged = 0;
};

// `Calls` says what stands in the loops for the two calls, one by a producer, one by a consumer:
//   static void* obtain(Lane&, std::size_t bytes);          throws std::bad_alloc
//   static void give_back(Lane&, void* object);
// and for the variant no-alloc in their places
//   static void no_obtain(Lane&, std::size_t bytes);
//   static void no_give_back(Lane&, void* object);
template <class Calls>
struct FromHeap {
  static Object* make(Producer&, Lane& lane) {
    return static_cast<Object*>(Calls::obtain(lane, sizeof(Object)));
  }
  static void give_up(std::span<Object* const> batch, MappedArray<Producer>&, Lane& lane) {
    for (Object* object : batch) Calls::give_back(lane, object);
  }
};

template <class Calls>
struct FromPool {
  static Object* make(Producer& producer, Lane& lane) {
    Calls::no_obtain(lane, sizeof(Object));
    if (producer.spare == nullptr) producer.spare = producer.homecoming.take_all();
    Object* object = producer.spare;
    STACKHEAP_CHECK(object != nullptr);
    producer.spare = object->next;
    return object;
  }
  // Neighbours in the queue mostly come from one producer and go home together.
  static void give_up(std::span<Object* const> batch, MappedArray<Producer>& producers,
                      Lane& lane) {
    for (std::size_t i = 0; i < batch.size();) {
      Object* first = batch[i];
      Object* last = first;
      Calls::no_give_back(lane, first);
      for (++i; i < batch.size() && batch[i]->producer == first->producer; ++i) {
        Calls::no_give_back(lane, batch[i]);
        last->next = batch[i];
        last = batch[i];
      }
      producers[first->producer].homecoming.push(first, last);
    }
  }
};

// Part `index` of `total` in `parts` parts that differ by one at most.
inline std::uint64_t part_of(std::uint64_t total, std::uint64_t index, std::uint64_t parts) {
  return (index + 1) * total / parts - index * total / parts;
}

inline unsigned producers_of(unsigned threads, std::int64_t percent) {
  const auto rounded = static_cast<unsigned>((threads * percent + 50) / 100);
  return std::clamp(rounded, 1U, threads - 1);
}

// Whether the objects come from a fixed pool.
inline constexpr VariantName<bool> kVariants[] = {{"malloc", false}, {"no-alloc", true}};

template <class Calls>
class HandoffPattern {
 public:
  explicit HandoffPattern(const CellSpec& spec)
      : name_(spec.workload),
        pooled_(variant_of(spec, kVariants)),
        queue_(1),
        producers_(producers_of(at_least_two(spec), spec.parameter)),
        consumers_(spec.threads - producers_.size()) {}

  HandoffPattern(const HandoffPattern&) = delete;
  HandoffPattern& operator=(const HandoffPattern&) = delete;
  // What a failed check left in the queue.
  ~HandoffPattern() {
    while (!pooled_ && !queue_[0].empty()) {
      Object* object = nullptr;
      queue_[0].pop({&object, 1});
      std::free(object);
    }
  }

  void setup(Lane& lane) {
    if (!is_producer(lane)) return;
    Producer& producer = producers_[lane.index];
    const std::uint64_t share = part_of(kStanding, lane.index, producers_.size());
    if (!pooled_) return fill<FromHeap<Calls>>(producer, lane, share);
    // In the queue, in the consumers' hands, in its own: there is always one left to take.
    producer.pool = MappedArray<Object>(kCapacity + kBatch * (consumers_.size() + 1));
    for (Object& object : producer.pool) {
      object.next = producer.spare;
      producer.spare = &object;
    }
    fill<FromPool<Calls>>(producer, lane, share);
  }

  void step(Lane& lane, std::uint64_t n) {
    const std::uint64_t total = n * lane.count / 2;
    if (is_producer(lane)) {
      Producer& producer = producers_[lane.index];
      const std::uint64_t share = part_of(total, lane.index, producers_.size());
      pooled_ ? produce<FromPool<Calls>>(producer, lane, share)
              : produce<FromHeap<Calls>>(producer, lane, share);
    } else {
      const std::size_t index = lane.index - producers_.size();
      Consumer& consumer = consumers_[index];
      const std::uint64_t share = part_of(total, index, consumers_.size());
      pooled_ ? consume<FromPool<Calls>>(consumer, lane, share)
              : consume<FromHeap<Calls>>(consumer, lane, share);
    }
  }

  // The first consumer frees what still stands in the queue.
  void verify(Lane& lane) {
    if (lane.index == producers_.size()) {
      Consumer& consumer = consumers_[0];
      std::uint64_t left = kStanding;
      const Fault fault = planted_fault();
      if (fault == Fault::kDrop) --left;
      Object* kept = nullptr;
      if (fault == Fault::kSkipFree) {
        left -= queue_[0].pop({&kept, 1});
        ++consumer.objects;
        consumer.stamps += kept->stamp;
      }
      pooled_ ? consume<FromPool<Calls>>(consumer, lane, left)
              : consume<FromHeap<Calls>>(consumer, lane, left);
      if (fault != Fault::kDrop && !queue_[0].empty()) {
        throw CheckFailed(name_ + ": the queue holds objects that were never counted");
      }
      if (kept != nullptr) queue_[0].push({&kept, 1});
    }
    live_bytes_ += lane.live_bytes;
  }

  void finish() {
    std::uint64_t made = 0;
    std::uint64_t made_stamps = 0;
    for (const Producer& producer : producers_) {
      made += producer.objects;
      made_stamps += producer.stamps;
    }
    std::uint64_t taken = 0;
    std::uint64_t taken_stamps = 0;
    std::uint64_t damaged = 0;
    for (const Consumer& consumer : consumers_) {
      taken += consumer.objects;
      taken_stamps += consumer.stamps;
      damaged += consumer.damaged;
    }
    if (made != taken || made_stamps != taken_stamps) {
      throw CheckFailed(name_ + ": " + std::to_string(made) + " objects were made and " +
                        std::to_string(taken) + " taken, or not the same ones");
    }
    if (damaged != 0) {
      throw CheckFailed(name_ + ": the last byte of " + std::to_string(damaged) +
                        " objects changed on the way");
    }
    if (live_bytes_ != 0) {
      throw CheckFailed(name_ + ": " + std::to_string(live_bytes_.load()) +
                        " bytes are still live after everything was freed");
    }
  }

 private:
  static unsigned at_least_two(const CellSpec& spec) {
    if (spec.threads >= 2) return spec.threads;
    throw CannotRun(std::string(spec.workload) +
                    " needs a producer and a consumer: run it with --threads 2 or more");
  }
  bool is_producer(const Lane& lane) const { return lane.index < producers_.size(); }

  template <class Source>
  void fill(Producer& producer, Lane& lane, std::uint64_t count) {
    produce<Source>(producer, lane, count);
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    if (fault == Fault::kFlipByte) {
      Object* first = nullptr;
      queue_[0].pop({&first, 1});
      first->last ^= 0xffU;
      queue_[0].push({&first, 1});
    }
  }

  template <class Source>
  void produce(Producer& producer, Lane& lane, std::uint64_t count) {
    std::array<Object*, kBatch> batch;
    while (count > 0) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kBatch, count));
      for (std::size_t i = 0; i < size; ++i) {
        Object* object = Source::make(producer, lane);
        const std::uint64_t stamp = lane.random();
        object->stamp = stamp;
        object->producer = lane.index;
        object->last = static_cast<unsigned char>(stamp);
        escape(object);
        producer.stamps += stamp;
        batch[i] = object;
      }
      producer.objects += size;
      lane.allocated(size * sizeof(Object));
      queue_[0].push({batch.data(), size});
      count -= size;
    }
  }

  template <class Source>
  void consume(Consumer& consumer, Lane& lane, std::uint64_t count) {
    std::array<Object*, kBatch> batch;
    while (count > 0) {
      const auto limit = static_cast<std::size_t>(std::min<std::uint64_t>(kBatch, count));
      const std::size_t size = queue_[0].pop({batch.data(), limit});
      for (std::size_t i = 0; i < size; ++i) {
        const Object* object = batch[i];
        consumer.stamps += object->stamp;
        consumer.damaged += object->last == static_cast<unsigned char>(object->stamp) ? 0U : 1U;
      }
      Source::give_up({batch.data(), size}, producers_, lane);
      consumer.objects += size;
      lane.freed(size * sizeof(Object));
      count -= size;
    }
  }

  std::string name_;
  bool pooled_;
  MappedArray<BatchQueue<Object*, kCapacity, kBatch>> queue_;
  MappedArray<Producer> producers_;
  MappedArray<Consumer> consumers_;
  std::atomic<std::int64_t> live_bytes_{0};
};

}  // namespace stackheap::handoff
