// One server, written as threads, fibers, coroutines, callbacks and tasks: sessions parse, wait and
// respond.
//
// Models a request of a web service that asks a backend: the session receives a request, parses it
// into header fields, waits for the backend, formats its query's result and responds. The ways are
// those that the literature argues about: a thread for each session against events (J. Ousterhout,
// "Why Threads Are a Bad Idea (for most purposes)", 1996; R. von Behren, J. Condit and E. Brewer,
// "Why Events Are a Bad Idea (for high-concurrency servers)", HotOS 2003), stacks managed by hand
// or by the compiler (A. Adya et al., "Cooperative Task Management without Manual Stack
// Management", USENIX 2002). The sizes are our own: a request of 512 to 2,047 B, eight fields of 8
// to 63 characters in a vector of strings (the shortest live in the string itself), after the wait
// a query of 64 to 255 characters that is dropped at once and a reply of 256 to 4,095 B; all
// uniform. In every way the same functions do it (session_work.hpp).
//
// Each lane is a server of its own with `sessions` open at once, all waiting; the backend answers
// them in turn. `thread-per-session`: the lane wakes the session's thread and sleeps, so the lane's
// CPU columns hold its own half only, the other is in blocked. `tbb-tasks`: a task for each event,
// in an arena of the lane's thread; what the scheduler allocates for itself goes through oneTBB's
// own allocator, what the sessions allocate through the one under test.
//
// How to read it: the allocations are the same, so the ways differ by what holds a session (a
// thread's stack and its kernel side, a stack of 64 KiB from the lane's pool, a frame or an object
// of a few hundred bytes) and by how the server comes back to it. peak_live_bytes counts the
// sessions' own data alone, the same in every way: rss_per_live_byte compares what else they hold.
// Under one way the allocators compare as in heap/: blocks live for a round of the server and are
// freed by the thread that allocated them.
//
// One operation: one session ended, and another begun in its place.
#include <optional>
#include <string>
#include <tuple>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/kind_choice.hpp"
#include "suites/fibers/session_servers.hpp"

namespace stackheap {
namespace {

using namespace sessions;

template <class Way>
class Sessions {
 public:
  explicit Sessions(const CellSpec& spec)
      : seats_(static_cast<std::size_t>(spec.parameter)), parts_(spec.threads) {
    const std::uint64_t open = seats_ * spec.threads;
    if (spec.variant == "thread-per-session") {
      require_stacks(stack_kind("thread-small-stack"), open);
    } else if (spec.variant == "fibers") {
      require_stacks(stack_kind("fiber-pooled"), open);
    }
  }

  void setup(Lane& lane) {
    Part& part = parts_[lane.index];
    part.server.emplace(seats_, lane.random());
    for (std::size_t i = 0; i < seats_; ++i) part.server->open(i, lane);
  }

  void step(Lane& lane, std::uint64_t n) { parts_[lane.index].server->serve(lane, n); }

  void verify(Lane& lane) {
    Server& server = *parts_[lane.index].server;
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    if (fault == Fault::kFlipByte) *server.request_of(0) ^= 0xffU;
    if (fault == Fault::kDrop) server.forget_one();
    server.close_from(fault == Fault::kSkipFree ? 1 : 0, lane);
    std::string complaint = server.complaint();
    if (lane.live_bytes != 0) {
      complaint = std::to_string(lane.live_bytes) + " bytes of sessions were not given back";
    }
    parts_[lane.index].server.reset();
    if (!complaint.empty()) throw CheckFailed("fibers/sessions: " + complaint);
  }

 private:
  // One lane's. Closes what is open with itself.
  class Server {
   public:
    Server(std::size_t seats, std::uint64_t seed) : way_(seats), seats_(seats), seed_(seed) {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() {
      for (auto& seat : seats_) {
        if (seat.session != nullptr) way_.close(seat);
      }
    }

    void open(std::size_t seat, Lane& lane) {
      way_.open(seats_[seat], seed_of(begun_));
      ++begun_;
      lane.allocated(seats_[seat].session->waiting_bytes());
    }

    void serve(Lane& lane, std::uint64_t n) {
      way_.serve(n, [&](std::uint64_t) {
        const std::size_t seat = next_;
        if (++next_ == seats_.size()) next_ = 0;
        close(seat, lane);
        open(seat, lane);
      });
    }

    void close_from(std::size_t first, Lane& lane) {
      for (std::size_t i = first; i < seats_.size(); ++i) close(i, lane);
    }

    unsigned char* request_of(std::size_t seat) { return seats_[seat].session->request(); }
    void forget_one() { --ended_; }

    // What is wrong when all are closed, or nothing. The answers add up, in whatever order.
    std::string complaint() const {
      if (ended_ != begun_) {
        return std::to_string(ended_) + " sessions ended of " + std::to_string(begun_);
      }
      std::uint64_t due = 0;
      for (std::uint64_t number = 0; number < begun_; ++number) {
        due += expected_answer(seed_of(number));
      }
      return due == answers_ ? "" : "the answers are not those that the requests ask for";
    }

   private:
    std::uint64_t seed_of(std::uint64_t number) const { return seed_ + number; }

    void close(std::size_t seat, Lane& lane) {
      lane.freed(seats_[seat].session->waiting_bytes());
      answers_ += way_.close(seats_[seat]);
      ++ended_;
    }

    Way way_;
    MappedArray<typename Way::Seat> seats_;
    std::uint64_t seed_;
    std::size_t next_ = 0;
    std::uint64_t begun_ = 0;
    std::uint64_t ended_ = 0;
    std::uint64_t answers_ = 0;
  };

  struct alignas(2 * kCacheLine) Part {
    std::optional<Server> server;
  };

  std::size_t seats_;
  MappedArray<Part> parts_;  // by lane
};

constexpr std::tuple kWays{
    KindClass<OnStacks<ThreadContext<false>>>{"thread-per-session"},
    KindClass<OnStacks<FiberContext<PooledStack>>>{"fibers"},
    KindClass<AsCoroutines>{"coroutines"},
    KindClass<AsTasks>{"tbb-tasks"},
    KindClass<AsCallbacks>{"callbacks"},
};

const Registration kRegistration{
    {
        .name = "fibers/sessions",
        .summary = "One server, written as threads, fibers, coroutines, callbacks and tasks: "
                   "sessions parse, wait and respond.",
        .operation = "one session ended, and another begun in its place",
        .shape = Shape::kWindowed,
        .variants = {{.name = "thread-per-session",
                      .description = "a POSIX thread with a stack of 64 KiB for each session"},
                     {.name = "fibers",
                      .description = "a fiber for each, with a stack of 64 KiB from a pool of its "
                                     "lane, which mallocs in bulk"},
                     {.name = "coroutines",
                      .description = "a C++20 coroutine for each, its frame by operator new"},
                     {.name = "tbb-tasks",
                      .description = "an object by operator new for each, and a oneTBB task for "
                                     "each event"},
                     {.name = "callbacks",
                      .description = "an object by operator new for each, and a function that goes "
                                     "on with it"}},
        .baseline_variant = "fibers",
        .parameter =
            ParameterInfo{.name = "sessions", .unit = "count", .minimum = 1, .maximum = 10'000},
        .smoke = {{.values = {16}, .threads = TierThreads::kOne}},
        .quick = {},
        .standard = {{.variants = {"fibers"}, .values = {128}, .threads = TierThreads::kOneAndAll},
                     {.values = {128},
                      .threads = TierThreads::kOneAndAll,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {16, 128, 1'024}, .threads = TierThreads::kSweep}},
        .expected_seconds = 0.06,
        // 1,280 + 8 x (32 + 35.5) B on average, and the two pages of a stack that are touched.
        .live_bytes = {.per_thread_and_parameter = 1'820 + 2 * 4096},
        .roles = {"scaling", "ratio", "contention"},
    },
    make_workload_of_class<Sessions, kWays>};

}  // namespace
}  // namespace stackheap
