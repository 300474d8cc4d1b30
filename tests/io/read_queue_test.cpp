// Orders for chunks turned into reads: situations one by one, then any order of events against a model of the pages.

#include "io/read_queue.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chromatin::io {
namespace {

using enum urgency;

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr auto good = read_queue::ending::good, bad = read_queue::ending::bad,
               cancelled = read_queue::ending::cancelled;

read_queue::time_point at(int second) { return read_queue::time_point{} + std::chrono::seconds{second}; }
constexpr int never = 1000;

/// "order/chunk/layer", as the reads of a list go into.
std::vector<std::string> places(const std::vector<read_queue::read>& reads) {
  std::vector<std::string> result;
  for (const auto& r : reads)
    result.push_back(std::to_string(r.into.order) + "/" + std::to_string(r.into.chunk) + "/" + std::to_string(r.layer));
  return result;
}

TEST(ReadQueue, LayersAreReadInOrderAndReadyInOrderWhateverEndsFirst) {
  read_queue q{{.layers = 2}};
  q.add(1, {10, 11}, turn_waits, at(never));
  auto t = q.next(at(0));
  EXPECT_THAT(places(t.reads), ElementsAre("1/0/0", "1/1/0", "1/0/1", "1/1/1"));
  EXPECT_EQ(t.reads[1].slot, 11u);
  q.ended(t.reads[2].id, good);
  q.ended(t.reads[3].id, good);
  EXPECT_THAT(q.next(at(0)).ready, IsEmpty());
  q.ended(t.reads[0].id, good);
  EXPECT_THAT(q.next(at(0)).ready, IsEmpty());
  q.ended(t.reads[1].id, good);
  t = q.next(at(0));
  EXPECT_THAT(t.ready, ElementsAre(Pair(1, 0), Pair(1, 1)));
  EXPECT_THAT(t.over, ElementsAre(1));
  EXPECT_EQ(q.orders(), 0u);
}

TEST(ReadQueue, TheMoreUrgentOrderIsReadFirstAndHasRoomOfItsOwn) {
  read_queue q{{.layers = 1, .reads_max = 2}};
  q.add(1, {10, 11, 12, 13}, ahead_of_need, at(never));
  EXPECT_THAT(places(q.next(at(0)).reads), ElementsAre("1/0/0", "1/1/0"));
  q.add(2, {20, 21, 22}, turn_waits, at(never));
  q.add(3, {30}, turn_waits, at(never));
  auto t = q.next(at(0));
  EXPECT_THAT(places(t.reads), ElementsAre("2/0/0", "2/1/0"));
  EXPECT_EQ(t.reads[0].wanted, turn_waits);
  q.ended(t.reads[0].id, good);
  q.ended(t.reads[1].id, good);
  EXPECT_THAT(places(q.next(at(0)).reads), ElementsAre("2/2/0", "3/0/0"));
}

TEST(ReadQueue, ASliceThatTwoOrdersWantIsReadOnceAndCopied) {
  read_queue q{{.layers = 2}};
  q.add(1, {10, 11}, turn_waits, at(never));
  auto first = q.next(at(0));
  q.add(2, {11, 12}, turn_waits, at(never));
  auto second = q.next(at(0));
  EXPECT_THAT(places(second.reads), ElementsAre("2/1/0", "2/1/1")) << "slot 11 is on its way";
  q.ended(first.reads[1].id, good);
  auto t = q.next(at(0));
  ASSERT_EQ(t.copies.size(), 1u);
  EXPECT_EQ(t.copies[0].from.order, 1u);
  EXPECT_EQ(t.copies[0].from.chunk, 1u);
  EXPECT_EQ(t.copies[0].to.order, 2u);
  EXPECT_EQ(t.copies[0].to.chunk, 0u);
  q.ended(second.reads[0].id, good);
  EXPECT_THAT(q.next(at(0)).ready, ElementsAre(Pair(2, 0)));
}

TEST(ReadQueue, ALaterOrderTakesWhatAnEarlierOneHasAlready) {
  read_queue q{{.layers = 2, .copies_max = 1}};
  q.add(1, {10, 11}, turn_waits, at(never));
  auto first = q.next(at(0));
  for (int i : {0, 1, 2}) q.ended(first.reads[static_cast<std::size_t>(i)].id, good);
  q.next(at(0));
  q.add(2, {10, 11}, turn_waits, at(never));
  auto t = q.next(at(0));
  EXPECT_EQ(t.copies.size(), 1u) << "no more than one at a time";
  EXPECT_TRUE(t.more);
  t = q.next(at(0));
  EXPECT_EQ(t.copies.size(), 1u);
  EXPECT_THAT(t.ready, ElementsAre(Pair(2, 0)));
  t = q.next(at(0));
  EXPECT_EQ(t.copies.size(), 1u);
  EXPECT_THAT(t.reads, IsEmpty()) << "the last slice is on its way for the first order";
  q.ended(first.reads[3].id, good);
  t = q.next(at(0));
  EXPECT_THAT(t.ready, ElementsAre(Pair(1, 1), Pair(2, 1)));
  EXPECT_THAT(t.over, testing::UnorderedElementsAre(1, 2));
}

TEST(ReadQueue, AnUrgentOrderPullsASliceOutOfTheLineOfALessUrgentOne) {
  read_queue q{{.layers = 1}};
  q.add(1, {10}, ahead_of_need, at(never));
  auto read = q.next(at(0)).reads.at(0).id;
  q.add(2, {10}, turn_waits, at(never));
  auto t = q.next(at(0));
  EXPECT_THAT(t.cancels, ElementsAre(read));
  EXPECT_THAT(t.reads, IsEmpty());
  q.ended(read, cancelled);
  t = q.next(at(0));
  EXPECT_THAT(places(t.reads), ElementsAre("2/0/0"));
  EXPECT_EQ(t.reads[0].wanted, turn_waits);
  q.ended(t.reads[0].id, good);
  t = q.next(at(0));
  EXPECT_EQ(t.copies.size(), 1u);
  EXPECT_THAT(t.over, testing::UnorderedElementsAre(1, 2));
}

TEST(ReadQueue, AnOrderThatIsHurriedOvertakesAndPullsItsReadsOutOfTheLine) {
  read_queue q{{.layers = 1, .reads_max = 2}};
  q.add(1, {10}, ahead_of_need, at(never));
  q.add(2, {20, 21}, ahead_of_need, at(never));
  q.add(3, {30}, ahead_of_need, at(never));
  auto first = q.next(at(0)).reads;
  EXPECT_THAT(places(first), ElementsAre("1/0/0", "2/0/0"));
  q.hurry(2, turn_waits);
  q.hurry(2, turn_waits);
  q.hurry(77, turn_waits);
  auto t = q.next(at(0));
  EXPECT_THAT(t.cancels, ElementsAre(first[1].id));
  EXPECT_THAT(places(t.reads), ElementsAre("2/1/0"));
  EXPECT_EQ(t.reads[0].wanted, turn_waits);
  q.ended(first[1].id, cancelled);
  t = q.next(at(0));
  EXPECT_THAT(places(t.reads), ElementsAre("2/0/0", "3/0/0"));
  EXPECT_EQ(t.reads[0].wanted, turn_waits);
  EXPECT_EQ(t.reads[1].wanted, ahead_of_need);
}

TEST(ReadQueue, ALateOrderTakesAReadBackThatWasJustBegunAgain) {
  read_queue q{{.layers = 1}};
  q.add(1, {10}, turn_waits, at(10));
  auto read = q.next(at(0)).reads.at(0).id;
  q.cancel(1);
  EXPECT_THAT(q.next(at(0)).cancels, ElementsAre(read));
  q.add(2, {10}, turn_waits, at(5));
  q.ended(read, cancelled);
  auto t = q.next(at(6));
  ASSERT_EQ(t.failed.size(), 1u);
  ASSERT_EQ(t.reads.size(), 1u);
  EXPECT_THAT(t.cancels, ElementsAre(t.reads[0].id)) << "reads come before the cancels of new ones";
  q.ended(t.reads[0].id, cancelled);
  EXPECT_THAT(q.next(at(6)).over, ElementsAre(2));
}

TEST(ReadQueue, APullThatComesTooLateChangesNothing) {
  read_queue q{{.layers = 1}};
  q.add(1, {10}, ahead_of_need, at(never));
  auto read = q.next(at(0)).reads.at(0).id;
  q.add(2, {10}, turn_waits, at(never));
  EXPECT_EQ(q.next(at(0)).cancels.size(), 1u);
  q.ended(read, good);
  auto t = q.next(at(0));
  EXPECT_THAT(t.ready, testing::UnorderedElementsAre(Pair(1, 0), Pair(2, 0)));
  EXPECT_THAT(t.reads, IsEmpty());
}

TEST(ReadQueue, ACancelledOrderTakesItsReadsOutOfTheDeviceAndKeepsItsPagesUntilTheyEnded) {
  read_queue q{{.layers = 1}};
  q.add(1, {10, 11}, turn_waits, at(never));
  auto reads = q.next(at(0)).reads;
  q.cancel(1);
  auto t = q.next(at(0));
  EXPECT_THAT(t.cancels, testing::UnorderedElementsAre(reads[0].id, reads[1].id));
  EXPECT_THAT(t.over, IsEmpty()) << "the kernel may still write into them";
  q.ended(reads[0].id, cancelled);
  EXPECT_THAT(q.next(at(0)).over, IsEmpty());
  q.ended(reads[1].id, good);
  t = q.next(at(0));
  EXPECT_THAT(t.over, ElementsAre(1));
  EXPECT_THAT(t.ready, IsEmpty());
  q.cancel(1);
  q.cancel(77);
}

TEST(ReadQueue, ACancelledOrdersReadGoesOnForTheOthersThatWantIt) {
  read_queue q{{.layers = 1}};
  q.add(1, {10}, turn_waits, at(never));
  auto read = q.next(at(0)).reads.at(0).id;
  q.add(2, {10}, turn_waits, at(never));
  q.next(at(0));
  q.cancel(1);
  EXPECT_THAT(q.next(at(0)).cancels, IsEmpty());
  q.ended(read, good);
  auto t = q.next(at(0));
  ASSERT_EQ(t.copies.size(), 1u);
  EXPECT_EQ(t.copies[0].from.order, 1u);
  EXPECT_THAT(t.ready, ElementsAre(Pair(2, 0)));
}

TEST(ReadQueue, ADamagedSliceFailsEveryOrderThatWaitsForItOnce) {
  read_queue q{{.layers = 2}};
  q.add(1, {10, 11}, turn_waits, at(never));
  auto reads = q.next(at(0)).reads;
  q.add(2, {11}, ahead_of_need, at(never));
  q.add(3, {12}, turn_waits, at(never));
  q.next(at(0));
  q.ended(reads[1].id, bad);
  auto t = q.next(at(0));
  ASSERT_EQ(t.failed.size(), 2u);
  EXPECT_EQ(t.failed[0].where.order, 1u);
  EXPECT_EQ(t.failed[0].where.chunk, 1u);
  EXPECT_EQ(t.failed[1].where.order, 2u);
  EXPECT_FALSE(t.failed[0].late);
  EXPECT_THAT(t.over, ElementsAre(2));
  q.ended(reads[3].id, bad);
  t = q.next(at(0));
  EXPECT_THAT(t.failed, IsEmpty());
  EXPECT_EQ(q.orders(), 2u) << "the first waits for its reads, the third is not touched";
}

TEST(ReadQueue, WhatIsMissingCountsForTheUrgencyOfItsOrderUntilThatIsOver) {
  read_queue q{{.layers = 2}};
  q.add(1, {10, 11, 12}, ahead_of_need, at(never));
  q.add(2, {20}, turn_waits, at(never));
  EXPECT_EQ(q.slices_missing(turn_waits), 2u);
  EXPECT_EQ(q.slices_missing(ahead_of_need), 8u) << "and what is more urgent";
  q.hurry(1, turn_waits);
  EXPECT_EQ(q.slices_missing(turn_waits), 8u);
  q.ended(q.next(at(0)).reads.at(0).id, good);
  EXPECT_EQ(q.slices_missing(turn_waits), 7u);
  q.cancel(1);
  EXPECT_EQ(q.slices_missing(turn_waits), 2u);
  q.cancel(2);
  EXPECT_EQ(q.slices_missing(urgency::checking), 0u);
}

TEST(ReadQueue, AnOrderThatExpiresBeforeItIsReadFailsAsLateAndTheNextGoesOn) {
  read_queue q{{.layers = 1, .reads_max = 1}};
  q.add(1, {10}, turn_waits, at(10));
  q.add(2, {20, 21}, turn_waits, at(10));
  q.add(3, {30}, turn_waits, at(never));
  auto first = q.next(at(9)).reads;
  EXPECT_THAT(places(first), ElementsAre("1/0/0"));
  EXPECT_THAT(q.next(at(11)).failed, IsEmpty()) << "what is being read is not given up";
  q.ended(first[0].id, good);
  auto t = q.next(at(11));
  EXPECT_THAT(t.ready, ElementsAre(Pair(1, 0)));
  ASSERT_EQ(t.failed.size(), 1u);
  EXPECT_EQ(t.failed[0].where.order, 2u);
  EXPECT_TRUE(t.failed[0].late);
  EXPECT_THAT(places(t.reads), ElementsAre("3/0/0"));
}

/// Follows a queue through any order of events, and knows what is in each page.
class follower {
 public:
  explicit follower(std::uint64_t seed) : random_{seed}, queue_{{layers, 4, 2}} {}

  void step() {
    switch (random_() % 7) {
      case 6:
        if (!open_.empty()) queue_.hurry(*open_.begin(), turn_waits);
        break;
      case 0:
        add();
        break;
      case 1:
        if (!open_.empty() && one_in(3)) cancel();
        break;
      case 2:
        now_ += 1;
        break;
      default:
        if (!reads_.empty()) end_read();
    }
    take_todo();
  }

  void finish() {
    while (!reads_.empty() || more_) {
      if (!reads_.empty()) end_read();
      take_todo();
    }
    EXPECT_TRUE(pages_.empty()) << "an order never ended";
    EXPECT_EQ(queue_.orders(), 0u);
    EXPECT_EQ(queue_.reads_under_way(), 0u);
    EXPECT_GT(complete_, 0);
  }

 private:
  static constexpr std::uint32_t layers = 3;
  using slice = std::pair<std::uint32_t, std::uint32_t>;  // slot, layer
  struct pages {
    std::vector<std::uint32_t> slots;
    std::set<slice> in_place;
    std::uint32_t ready = 0;
  };

  bool one_in(std::uint64_t n) { return random_() % n == 0; }

  void add() {
    std::vector<std::uint32_t> slots;
    for (std::uint32_t slot = 0; slot < 8; ++slot)
      if (one_in(3)) slots.push_back(slot);
    if (slots.empty()) return;
    auto id = ++last_;
    pages_[id].slots = slots;
    open_.insert(id);
    queue_.add(id, slots, one_in(2) ? turn_waits : ahead_of_need, at(now_ + static_cast<int>(random_() % 40)));
  }

  void cancel() {
    auto id = *std::next(open_.begin(), static_cast<std::ptrdiff_t>(random_() % open_.size()));
    open_.erase(id);
    queue_.cancel(id);
  }

  void end_read() {
    auto& r = reads_[random_() % reads_.size()];
    std::swap(r, reads_.back());
    auto read = reads_.back();
    reads_.pop_back();
    slices_being_read_.erase({read.slot, read.layer});
    if (asked_to_cancel_.contains(read.id) && one_in(2)) return queue_.ended(read.id, cancelled);
    if (one_in(30)) return queue_.ended(read.id, bad);
    pages_.at(read.into.order).in_place.insert({read.slot, read.layer});
    queue_.ended(read.id, good);
  }

  void take_todo() {
    auto t = queue_.next(at(now_));
    more_ = t.more;
    for (const auto& c : t.copies) {
      const auto &from = pages_.at(c.from.order), &to = pages_.at(c.to.order);
      auto slot = from.slots[c.from.chunk];
      ASSERT_EQ(slot, to.slots[c.to.chunk]);
      ASSERT_TRUE(from.in_place.contains({slot, c.layer})) << "copied from where nothing is";
      pages_.at(c.to.order).in_place.insert({slot, c.layer});
    }
    for (auto [id, layer] : t.ready) {
      ASSERT_TRUE(open_.contains(id)) << "an order that ended hears of a layer";
      auto& p = pages_.at(id);
      ASSERT_EQ(p.ready++, layer);
      for (auto slot : p.slots) ASSERT_TRUE(p.in_place.contains({slot, layer})) << "ready, but not there";
      if (p.ready == layers) open_.erase(id), ++complete_;
    }
    for (const auto& f : t.failed) ASSERT_EQ(open_.erase(f.where.order), 1u) << "an order fails once";
    for (const auto& r : t.reads) {
      ASSERT_TRUE(slices_being_read_.insert({r.slot, r.layer}).second) << "one slice is read twice at a time";
      ASSERT_FALSE(pages_.at(r.into.order).in_place.contains({r.slot, r.layer}));
      reads_.push_back(r);
    }
    for (auto id : t.cancels) {
      ASSERT_TRUE(asked_to_cancel_.insert(id).second);
      ASSERT_TRUE(std::ranges::count(reads_, id, &read_queue::read::id)) << "it is not under way";
    }
    for (auto id : t.over) {
      ASSERT_FALSE(open_.contains(id)) << "over before it ended";
      for (const auto& r : reads_) ASSERT_NE(r.into.order, id) << "over, and still read into";
      ASSERT_EQ(pages_.erase(id), 1u);
    }
  }

  std::mt19937_64 random_;
  read_queue queue_;
  int now_ = 0;
  bool more_ = false;
  read_queue::ticket last_ = 0;
  std::map<read_queue::ticket, pages> pages_;  ///< of orders that are not over
  std::set<read_queue::ticket> open_;          ///< not complete, failed or cancelled
  std::vector<read_queue::read> reads_;
  std::set<slice> slices_being_read_;
  std::set<read_queue::read_id> asked_to_cancel_;
  int complete_ = 0;
};

TEST(ReadQueue, NoOrderOfEventsMakesAWrongPageOrAnOrderWithoutAnEnd) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    follower f{seed};
    for (int i = 0; i < 400 && !testing::Test::HasFatalFailure(); ++i) f.step();
    f.finish();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace chromatin::io
