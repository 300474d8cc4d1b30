// Hazards of the next turn: learned, by classes that are found.

#include "kv/policy/return_classes.hpp"

#include <map>
#include <random>

#include <gtest/gtest.h>

#include "kv/policy/open_turns.hpp"

namespace chromatin::kv {
namespace {

/// Conversations that all behave alike but for one trait: after a short answer the user is back within half a minute,
/// after a long one within some minutes, and some never.
class Crowd {
 public:
  explicit Crowd(std::uint64_t seed) : random_{seed} {}

  void play(open_turns& turns, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      now_us_ += 1'000'000;
      turns.advance(now_us_);
      std::uint32_t answer_tokens = random_() % 2 ? 10 : 1000;
      turns.settles({.now_us = now_us_,
                     .conversation = ++last_,
                     .prompt_tokens = static_cast<std::uint32_t>(random_() % 5000),
                     .answer_tokens = answer_tokens,
                     .settled = true});
      if (random_() % 5 == 0) continue;
      auto gap_s = answer_tokens == 10 ? 10 + random_() % 20 : 200 + random_() % 200;
      due_.emplace(now_us_ + static_cast<std::int64_t>(gap_s) * 1'000'000, last_);
      for (; due_.begin()->first <= now_us_; due_.erase(due_.begin())) {
        turns.advance(due_.begin()->first);
        turns.begins(due_.begin()->second, 0);
        turns.forget(due_.begin()->second);
      }
    }
  }

  std::int64_t now_us() const { return now_us_; }

 private:
  std::mt19937_64 random_;
  std::multimap<std::int64_t, std::uint64_t> due_;
  std::int64_t now_us_ = 0;
  std::uint64_t last_ = 0;
};

constexpr std::uint64_t quick = 1'000'000, slow = 1'000'001;

/// Two more turns, one of each kind, that settled just now.
void settle_both(open_turns& turns, std::int64_t now_us) {
  for (auto who : {quick, slow})
    turns.settles({.now_us = now_us,
                   .conversation = who,
                   .prompt_tokens = 500,
                   .answer_tokens = who == quick ? 10U : 1000U,
                   .settled = true});
}

TEST(ReturnClasses, TheTraitThatTellsIsFound) {
  open_turns turns{[](auto) {}};
  Crowd crowd{1};
  crowd.play(turns, 3000);
  EXPECT_GE(turns.classes().classes(), 2U);
  settle_both(turns, crowd.now_us());
  EXPECT_GT(turns.index(quick), 3 * turns.index(slow)) << "back in 20 s against 300 s";
  turns.advance(crowd.now_us() + 150'000'000);
  EXPECT_GT(turns.index(slow), 3 * turns.index(quick)) << "by now the quick one is not coming";
}

TEST(ReturnClasses, ACrowdWithoutDifferencesStaysOneClassOrFew) {
  open_turns turns{[](auto) {}};
  std::mt19937 random{3};
  for (std::uint64_t i = 1; i < 5000; ++i) {
    turns.advance(static_cast<std::int64_t>(i) * 1'000'000);
    turns.settles({.conversation = i,
                   .prompt_tokens = static_cast<std::uint32_t>(random() % 5000),
                   .answer_tokens = static_cast<std::uint32_t>(random() % 500),
                   .settled = true});
    if (i > 40 && random() % 2) turns.begins(i - 20 - random() % 20, 0);
  }
  EXPECT_LE(turns.classes().classes(), 4U);
}

TEST(ReturnClasses, WhatWasLearnedSurvivesARestartWithAnotherClock) {
  open_turns turns{[](auto) {}};
  Crowd crowd{2};
  crowd.play(turns, 2000);
  settle_both(turns, crowd.now_us());
  std::vector<std::byte> bytes;
  turns.save(bytes);
  open_turns next{[](auto) {}};
  std::span<const std::byte> in{bytes};
  ASSERT_TRUE(next.load(in));
  EXPECT_TRUE(in.empty());
  next.advance(5'000'000);
  turns.advance(crowd.now_us());
  for (auto who : {quick, slow}) EXPECT_NEAR(next.index(who), turns.index(who), .05 * turns.index(who));
  EXPECT_EQ(next.classes().classes(), turns.classes().classes());
  std::vector<std::byte> again;
  next.save(again);
  EXPECT_EQ(again.size(), bytes.size());
}

TEST(ReturnClasses, BytesThatAreCutShortAreRefused) {
  open_turns turns{[](auto) {}};
  Crowd crowd{2};
  crowd.play(turns, 500);
  std::vector<std::byte> bytes;
  turns.save(bytes);
  for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 50) {
    open_turns next{[](auto) {}};
    auto in = std::span<const std::byte>{bytes}.first(size);
    EXPECT_FALSE(next.load(in)) << size;
    EXPECT_EQ(next.classes().classes(), 1U) << "nothing happened";
  }
}

// -- chances --

constexpr std::int64_t second_us = 1'000'000, hour_us = 3600 * second_us;

void settle(open_turns& turns, std::uint64_t who, std::uint32_t answer_tokens) {
  turns.settles({.now_us = turns.now_us(),
                 .conversation = who,
                 .prompt_tokens = 500,
                 .answer_tokens = answer_tokens,
                 .settled = true});
}

/// One after the other settles with a short answer and returns so much later, and as many with a long one, who never
/// do.
void learn(open_turns& turns, std::uint64_t people, std::int64_t gap_us) {
  constexpr std::uint64_t between = 60;  // of those who are away
  for (std::uint64_t who = 1; who <= people + between; ++who) {
    turns.advance(turns.now_us() + gap_us / static_cast<std::int64_t>(between));
    if (who <= people) settle(turns, who, 10), settle(turns, people + who, 1000);
    if (who > between) turns.begins(who - between, 0);
  }
  settle(turns, quick, 10), settle(turns, slow, 1000);
}

TEST(ReturnChances, WhoseClassReturnsWithinAnHourIsThereByThenAndTheOthersAreNot) {
  open_turns turns{[](auto) {}};
  learn(turns, 200, hour_us);
  EXPECT_LT(turns.chance(quick, 1800), .2);
  EXPECT_GT(turns.chance(quick, 2 * 3600), .85);
  EXPECT_LT(turns.chance(slow, 12 * 3600), .15);
  for (double before = 0, s = 1; s < 1e6; s *= 1.3) {
    EXPECT_GE(turns.chance(quick, s), before) << s;
    before = turns.chance(quick, s);
  }
  turns.advance(turns.now_us() + 40 * 60 * second_us);
  EXPECT_LT(turns.chance(quick, 5 * 60), .1);
  EXPECT_GT(turns.chance(quick, 30 * 60), .85);
  turns.advance(turns.now_us() + 60 * 60 * second_us);
  EXPECT_LT(turns.chance(quick, 30 * 60), .3) << "by now it is not coming";
}

TEST(ReturnChances, PartsOfAHorizonMakeItUp) {
  open_turns turns{[](auto) {}};
  learn(turns, 200, hour_us);
  auto whole = turns.chance(quick, 3600), first = turns.chance(quick, 3100);
  turns.advance(turns.now_us() + 3100 * second_us);
  EXPECT_NEAR(1 - whole, (1 - first) * (1 - turns.chance(quick, 500)), 1e-6);
}

TEST(ReturnChances, OfReturnsAfterHalfADayNothingIsForetold) {
  open_turns turns{[](auto) {}};
  learn(turns, 1000, 30 * hour_us);
  EXPECT_LT(turns.chance(quick, 100 * 3600), .1);
  turns.advance(turns.now_us() + 29 * hour_us);
  EXPECT_EQ(turns.chance(quick, 100 * 3600), 0);
}

TEST(ReturnChances, NoneOfWhatIsNotKnownOrServedAndNoneAtFirst) {
  open_turns turns{[](auto) {}};
  learn(turns, 200, hour_us);
  EXPECT_EQ(turns.chance(77'777'777, 3600), 0);
  turns.begins(quick, 9);
  EXPECT_EQ(turns.chance(quick, 3600), 0);
  open_turns young{[](auto) {}};
  learn(young, 30, hour_us);
  EXPECT_EQ(young.chance(quick, 3600), 0) << "nobody can say that of thirty";
}

TEST(ReturnClasses, SomeReturnsSayWhen) {
  return_classes classes;
  traits with{};
  auto age = age_at(100);
  for (int n = 0; n < 20; ++n) {
    for (std::size_t at = 0; at <= age; ++at) classes.reached(return_classes::everybody, with, at);
    classes.returned(return_classes::everybody, with, age);
  }
  EXPECT_GT(classes.index(return_classes::everybody, with, 95), 4 * classes.index(return_classes::everybody, with, 10));
}

TEST(OpenTurns, OneTurnThatSettlesTwiceIsOneTurn) {
  auto index = [](bool twice) {
    open_turns turns{[](auto) {}};
    turns.begins(7, 1);
    chain_use use{.conversation = 7, .turn = 1, .prompt_tokens = 100, .answer_tokens = 5, .settled = true};
    if (twice) turns.settles(use), turns.begins(7, 1);
    turns.settles(use);
    std::vector<std::byte> bytes;
    turns.save(bytes);
    return bytes;
  };
  EXPECT_EQ(index(false).size(), index(true).size());
}

TEST(OpenTurns, EachAgeIsToldOnce) {
  std::vector<std::uint64_t> told;
  open_turns turns{[&](auto who) { told.push_back(who); }};
  turns.settles({.conversation = 7, .settled = true});
  turns.advance(999'999);
  EXPECT_TRUE(told.empty());
  turns.advance(1'000'000);
  turns.advance(1'000'000);
  EXPECT_EQ(told.size(), 1U);
  turns.advance(2'000'000);
  EXPECT_EQ(told.size(), 3U) << "1.41 s and 2 s";
  turns.advance(500'000);
  EXPECT_EQ(turns.now_us(), 2'000'000) << "a clock that goes back stands still";
}

TEST(Ages, BeginWhereTheOneBeforeEnds) {
  for (std::size_t age = 0; age < ages_count; ++age) {
    EXPECT_EQ(age_at(age_begin_s(age)), age);
    EXPECT_LT(age_begin_s(age), age_begin_s(age + 1));
  }
  EXPECT_EQ(age_at(0.99), 0U);
  EXPECT_EQ(age_at(1e12), ages_count - 1);
  EXPECT_EQ(age_at(-1), 0U);
}

}  // namespace
}  // namespace chromatin::kv
