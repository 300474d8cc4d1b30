// The order of what happens in a simulation.

#include "sim/machine/timeline.hpp"

#include <string>

#include <gtest/gtest.h>

namespace chromatin::sim {
namespace {

using namespace std::chrono_literals;
const timeline::time_point begin{1s};

TEST(Timeline, EventsOfOneTimeHappenAsTheyWerePlanned) {
  timeline t{begin};
  std::string order;
  t.at(begin + 2s, [&] { order += 'c'; });
  t.at(begin + 1s, [&] { order += 'a'; });
  t.at(begin + 1s, [&] { order += 'b'; });
  EXPECT_EQ(t.next(), begin + 1s);
  t.move_to(begin + 3s);
  EXPECT_EQ(order, "abc");
  EXPECT_FALSE(t.next());
}

TEST(Timeline, WhatAnEventPlansForNowHappensNow) {
  timeline t{begin};
  int count = 0;
  t.at(begin, [&] { t.at(t.now(), [&] { ++count; }); });
  t.move_to(begin);
  EXPECT_EQ(count, 1);
}

TEST(Timeline, NothingIsPlannedForThePastAndTheClockDoesNotGoBack) {
  timeline t{begin};
  t.at(begin - 1s, [] {});
  EXPECT_EQ(t.next(), begin);
  t.move_to(begin - 1s);
  EXPECT_EQ(t.now(), begin);
}

TEST(Timeline, AClockThatDoesNotMoveLeavesWhatIsLater) {
  timeline t{begin};
  bool happened = false;
  t.at(begin + 1us, [&] { happened = true; });
  t.move_to(begin);
  EXPECT_FALSE(happened);
}

TEST(Channel, CarriesOneThingAfterTheOther) {
  channel c{100};
  EXPECT_EQ(c.carry(begin, 50), begin + 500ms);
  EXPECT_EQ(c.carry(begin, 50), begin + 1s);
  EXPECT_EQ(c.carry(begin + 5s, 100), begin + 6s);
  EXPECT_EQ(c.bytes(), 200);
}

}  // namespace
}  // namespace chromatin::sim
