#include <future>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "gpu/cpu/team.hpp"

namespace chromatin::gpu {
namespace {

/// Collects what loops threw.
struct complaints {
  void add(const char* what) {
    std::lock_guard lock{mutex};
    all.insert(what);
  }
  std::mutex mutex;
  std::multiset<std::string> all;
};

team::loop call(std::function<void()> work) {
  return {.begin =
              [work = std::move(work)](std::uint32_t) {
                work();
                return 0u;
              },
          .piece = {}};
}

/// Waits until everything before is done.
void settle(team& t) {
  std::promise<void> done;
  t.push({call([&] { done.set_value(); })});
  done.get_future().wait();
}

TEST(Team, DoesEveryPieceOnceAndLoopsInOrder) {
  complaints c;
  team t{3, [] {}, [&](const char* what) { c.add(what); }};
  std::mt19937 random{1};
  std::vector<std::uint32_t> counts(300);
  for (auto& count : counts) count = random() % 4 == 0 ? 0 : static_cast<std::uint32_t>(random() % 50);
  std::vector<std::vector<int>> done(counts.size());  // written without locks: a loop sees all that came before it
  std::vector<team::loop> loops;
  for (std::size_t i = 0; i < counts.size(); ++i)
    loops.push_back({.begin =
                         [&, i](std::uint32_t) {
                           for (std::size_t before = 0; before < i; ++before)
                             for (auto times : done[before]) EXPECT_EQ(times, 1);
                           done[i].assign(counts[i], 0);
                           return counts[i];
                         },
                     .piece =
                         [&, i](std::uint32_t piece, std::uint32_t worker) {
                           EXPECT_LT(worker, 3u);
                           ++done[i].at(piece);
                         }});
  t.push(std::move(loops));
  settle(t);
  for (std::size_t i = 0; i < counts.size(); ++i) EXPECT_EQ(done[i], std::vector<int>(counts[i], 1));
  EXPECT_TRUE(c.all.empty());
}

TEST(Team, NoTwoPiecesOfAWorkerRunAtOnce) {
  team t{4, [] {}, [](const char*) {}};
  std::vector<std::atomic<int>> inside(4);
  t.push({{.begin = [](std::uint32_t) { return 2000u; },
           .piece =
               [&](std::uint32_t, std::uint32_t worker) {
                 EXPECT_EQ(inside[worker]++, 0);
                 --inside[worker];
               }}});
  settle(t);
}

TEST(Team, GoesOnAfterWhatThrows) {
  complaints c;
  std::atomic<int> done{0};
  {
    team t{2, [] {}, [&](const char* what) { c.add(what); }};
    t.push({{.begin = [](std::uint32_t) -> std::uint32_t { throw std::runtime_error("begin"); }, .piece = {}},
            {.begin = [](std::uint32_t) { return 9u; },
             .piece =
                 [&](std::uint32_t piece, std::uint32_t) {
                   if (piece % 4 == 1) throw std::runtime_error("piece");
                   if (piece == 8) throw 8;
                   ++done;
                 }},
            call([&] { EXPECT_EQ(done, 6); })});
  }
  EXPECT_EQ(c.all, (std::multiset<std::string>{"begin", "piece", "piece", "unknown exception"}));
}

TEST(Team, ALoopMayAddLoopsBehindAllOthers) {
  std::string order;
  {
    team t{2, [] {}, [](const char*) {}};
    t.push({call([&] {
              order += "a";
              t.push({call([&] {
                order += "c";
                t.push({call([&] { order += "d"; })});
              })});
            }),
            call([&] { order += "b"; })});
    settle(t);
    settle(t);
  }
  EXPECT_EQ(order, "abcd");
}

TEST(Team, EndsWhatItWasGivenBeforeItEnds) {
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> done{0};
    {
      team t{3, [] {}, [](const char*) {}};
      for (int i = 0; i < 5; ++i)
        t.push({{.begin = [](std::uint32_t) { return 7u; }, .piece = [&](std::uint32_t, std::uint32_t) { ++done; }}});
    }
    ASSERT_EQ(done, 35);
  }
}

TEST(Team, WakesUpAfterASleep) {
  std::atomic<int> done{0};
  team t{2, [] {}, [](const char*) {}};
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{2});  // longer than its threads spin
    t.push({{.begin = [](std::uint32_t) { return 20u; }, .piece = [&](std::uint32_t, std::uint32_t) { ++done; }}});
    settle(t);
    ASSERT_EQ(done, 20 * (i + 1));
  }
}

TEST(Team, ManyThreadsMayGiveItWork) {
  std::atomic<int> done{0};
  {
    team t{2, [] {}, [](const char*) {}};
    std::vector<std::thread> givers;
    for (int g = 0; g < 4; ++g)
      givers.emplace_back([&] {
        for (int i = 0; i < 200; ++i)
          t.push({{.begin = [](std::uint32_t) { return 3u; }, .piece = [&](std::uint32_t, std::uint32_t) { ++done; }}});
      });
    for (auto& giver : givers) giver.join();
  }
  EXPECT_EQ(done, 4 * 200 * 3);
}

}  // namespace
}  // namespace chromatin::gpu
