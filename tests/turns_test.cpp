#include "harness/measure/turns.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/file.hpp"
#include "harness/driver/supervise.hpp"
#include "harness/driver/turn_ring.hpp"
#include "tests/fakes/temporary_folder.hpp"

namespace stackheap {
namespace {

// A ring within this process: places stand for processes.
class Ring {
 public:
  explicit Ring(std::size_t places) {
    for (std::size_t i = 0; i < places; ++i) {
      int ends[2];
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
      out_.emplace_back(ends[0]);
      in_.emplace_back(ends[1]);
    }
  }
  TurnPlace place(std::size_t i) const {
    return {in_[(i + in_.size() - 1) % in_.size()].get(), out_[i].get()};
  }
  void begin() const {
    const char turn = 1;
    EXPECT_EQ(::send(out_.back().get(), &turn, 1, MSG_NOSIGNAL), 1);
  }
  void leave(std::size_t i) { out_[i].reset(); }

 private:
  std::vector<UniqueFd> out_;
  std::vector<UniqueFd> in_;
};

TEST(Turns, WindowsOfAPlaceAreItsOwnAndGoRoundInOrder) {
  constexpr std::size_t kPlaces = 3;
  constexpr unsigned kLanes = 2;
  constexpr std::uint64_t kWindows = 200;
  Ring ring(kPlaces);
  std::array<std::atomic<unsigned>, kPlaces> inside{};
  std::atomic<unsigned> trespasses{0};
  std::vector<std::size_t> order;  // written in turn only
  std::vector<std::unique_ptr<Turns>> turns;
  std::array<std::atomic<std::uint64_t>, kPlaces> left{};
  std::array<std::atomic<std::uint64_t>, kPlaces> closed{};
  for (std::size_t i = 0; i < kPlaces; ++i) turns.push_back(std::make_unique<Turns>(ring.place(i)));
  std::vector<std::thread> threads;
  for (std::size_t place = 0; place < kPlaces; ++place) {
    for (unsigned index = 0; index < kLanes; ++index) {
      threads.emplace_back([&, place, index] {
        Lane lane;
        lane.index = index;
        for (std::uint64_t number = 1; number <= kWindows; ++number) {
          turns[place]->acquire_together(lane, number, kLanes);
          ++inside[place];
          for (std::size_t other = 0; other < kPlaces; ++other) {
            if (other != place && inside[other] != 0) ++trespasses;
          }
          if (index == 0) order.push_back(place);
          --inside[place];
          // The last lane of the window says so before any may ask for the next turn.
          if (left[place].fetch_add(1) + 1 == number * kLanes) {
            turns[place]->spend();
            closed[place] = number;
          }
          while (closed[place] < number) std::this_thread::yield();
        }
        if (index == 0) turns[place]->release();
      });
    }
  }
  ring.begin();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(trespasses, 0U);
  ASSERT_EQ(order.size(), kPlaces * kWindows);
  for (std::size_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], i % kPlaces) << i;
}

TEST(Turns, WithoutARingNothingWaits) {
  Turns turns(TurnPlace{});
  EXPECT_FALSE(turns.active());
  turns.acquire();
  const auto lane = std::make_unique<Lane>();
  turns.acquire_together(*lane, 1, 1);
  turns.release();
}

TEST(Turns, ARingThatHasEndedLetsTheOthersRun) {
  Ring ring(2);
  Turns turns(ring.place(0));
  ring.leave(1);
  turns.acquire();  // returns
  turns.release();
  turns.acquire();
}

ProcessRequest shell(std::string script) {
  ProcessRequest request;
  request.arguments = {"/bin/sh", "-c", std::move(script)};
  request.environment = {"PATH=/usr/bin:/bin"};
  request.deadline_seconds = 60;
  request.wants_result = false;
  return request;
}

TEST(SuperviseAll, ChildrenAreAliveTogether) {
  // Each waits for what the other makes, so that one after the other would end at the deadline.
  const fakes::TemporaryFolder temporary;
  const std::string folder = temporary.path().string();
  const auto meet = [&](const char* own, const char* other) {
    return shell(": > '" + folder + "/" + own + "'; while [ ! -e '" + folder + "/" + other +
                 "' ]; do sleep 0.01; done; echo " + own);
  };
  const std::array requests{meet("a", "b"), meet("b", "a")};
  const auto outcomes = supervise_all(requests);
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].end, ProcessEnd::kExited);
  EXPECT_EQ(outcomes[0].log, "a\n");
  EXPECT_EQ(outcomes[1].end, ProcessEnd::kExited);
  EXPECT_EQ(outcomes[1].log, "b\n");
}

TEST(SuperviseAll, WhereOneFailsTheOthersAreEnded) {
  const std::array requests{shell("exec sleep 50"), shell("kill -SEGV $$"), shell("exec sleep 50")};
  const auto outcomes = supervise_all(requests);
  EXPECT_EQ(outcomes[0].end, ProcessEnd::kInterrupted);
  EXPECT_EQ(outcomes[1].end, ProcessEnd::kSignalled);
  EXPECT_EQ(outcomes[1].code, SIGSEGV);
  EXPECT_EQ(outcomes[2].end, ProcessEnd::kInterrupted);
}

TEST(SuperviseAll, WhereAKeeperIsKilledTheOthersAreEnded) {
  const std::array requests{shell("exec sleep 50"), shell("kill -KILL $PPID; exec sleep 50")};
  std::vector<std::size_t> ended;
  const auto outcomes =
      supervise_all(requests, {.on_end = [&](std::size_t child) { ended.push_back(child); }});
  EXPECT_EQ(outcomes[0].end, ProcessEnd::kInterrupted);
  EXPECT_EQ(outcomes[1].end, ProcessEnd::kSignalled);
  EXPECT_EQ(ended, (std::vector<std::size_t>{1, 0}));
}

// Takes its turn by reading a byte and hands it on by writing one.
ProcessRequest taker(int times) {
  ProcessRequest request;
  request.arguments = {"/usr/bin/python3", "-c",
                       "import os, sys\n"
                       "inward, outward = map(int, sys.argv[2].split(','))\n"
                       "for i in range(" +
                           std::to_string(times) +
                           "):\n"
                           "    assert os.read(inward, 1)\n"
                           "    os.write(1, f'{i} '.encode())\n"
                           "    os.write(outward, b'1')\n"};
  request.wants_result = false;
  request.environment = {"PATH=/usr/bin:/bin"};
  request.deadline_seconds = 60;
  return request;
}

TEST(TurnRing, GivesEachProcessItsPlaceByNumber) {
  TurnRing ring(2);
  std::array requests{taker(3), taker(3)};
  for (std::size_t i = 0; i < requests.size(); ++i) ring.join(i, requests[i]);
  ring.begin();
  const auto outcomes = supervise_all(requests);
  EXPECT_EQ(outcomes[0].log, "0 1 2 ");
  EXPECT_EQ(outcomes[1].log, "0 1 2 ");
}

TEST(TurnRing, GoesOnWhereAProcessHasEndedEarly) {
  TurnRing ring(3);
  std::array requests{taker(6), taker(1), taker(4)};
  for (std::size_t i = 0; i < requests.size(); ++i) ring.join(i, requests[i]);
  ring.begin();
  const auto outcomes =
      supervise_all(requests, {.on_end = [&](std::size_t place) { ring.leave(place); }});
  EXPECT_EQ(outcomes[0].log, "0 1 2 3 4 5 ");
  EXPECT_EQ(outcomes[1].log, "0 ");
  EXPECT_EQ(outcomes[2].log, "0 1 2 3 ");
}

}  // namespace
}  // namespace stackheap
