#include "kv/lineage.hpp"

#include <numeric>
#include <set>

#include <gtest/gtest.h>

namespace chromatin::kv {
namespace {

lineage window_of(std::uint32_t tokens, std::uint32_t settled = 0) {
  lineage w{.tokens = std::vector<token_id>(tokens), .root = root_key({1, 2}, {3, 4}), .settled = settled};
  std::iota(w.tokens.begin(), w.tokens.end(), 100u);
  return w;
}

TEST(Chain, WholeChunksThenThePartialOne) {
  auto links = chain(window_of(150), 150);
  ASSERT_EQ(links.size(), 3u);
  EXPECT_EQ(links[0].fill, 64u);
  EXPECT_EQ(links[1].fill, 64u);
  EXPECT_EQ(links[2].fill, 22u);
}

TEST(Chain, EqualOpeningsShareKeysAndADifferenceChangesAllThatFollow) {
  auto a = window_of(192), b = window_of(192);
  b.tokens[70] = 7;
  auto ka = chain(a, 192), kb = chain(b, 192);
  EXPECT_EQ(ka[0], kb[0]);
  EXPECT_NE(ka[1], kb[1]);
  EXPECT_NE(ka[2], kb[2]);
}

TEST(Chain, AnotherTenantOrModelNeverHits) {
  auto a = window_of(64), b = window_of(64), c = window_of(64);
  b.root = root_key({1, 2}, {3, 5});
  c.root = root_key({1, 3}, {3, 4});
  EXPECT_NE(chain(a, 64)[0].key, chain(b, 64)[0].key);
  EXPECT_NE(chain(a, 64)[0].key, chain(c, 64)[0].key);
}

TEST(Chain, APartialChunkHasAnotherKeyThanTheWholeOne) {
  auto w = window_of(64);
  EXPECT_NE(chain(w, 63)[0].key, chain(w, 64)[0].key);
}

reusable reusable_of(const lineage& w) {
  growing_chain c;
  return kv::reusable_of(w, c);
}

TEST(GrowingChain, GrowsToTheSameLinksAsAChainMadeAtOnce) {
  auto w = window_of(700, 690);
  truncate(w, 0, 0.4);  // with kept chunks, the last of them partly filled
  growing_chain growing;
  for (auto count : {1u, 63u, 64u, 200u, w.kept_tokens, w.kept_tokens + 1, 450u})
    EXPECT_EQ(growing.upto(w, count), chain(w, count)) << count;
  EXPECT_EQ(growing.tail(w, 100), chain(w, 100).back()) << "of an earlier state";
}

TEST(Reusable, NeverCoversTheLastToken) {
  EXPECT_EQ(reusable_of(window_of(128)).whole.size(), 1u);  // 127 tokens may be reused: one whole chunk
  EXPECT_TRUE(reusable_of(window_of(1)).whole.empty());
  EXPECT_TRUE(reusable_of(lineage{}).whole.empty());
}

TEST(Reusable, EndsWithTheTailThatTheLastTurnLeft) {
  auto r = reusable_of(window_of(200, 150));
  EXPECT_EQ(r.settled(), chain(window_of(150), 150));
  EXPECT_EQ(r.tail_depth, 2u);
  EXPECT_EQ(r.whole, chain(window_of(200), 192)) << "a turn that was cancelled may have computed more";
}

TEST(Truncate, TheFirstChunkAlwaysStays) {
  auto w = window_of(400, 390);
  truncate(w, 0, 1.0);
  EXPECT_EQ(w.tokens[0], 100u);
  EXPECT_EQ(w.tokens[63], 163u);
  EXPECT_LT(w.tokens.size(), 130u);
}

TEST(Truncate, DropsWholeChunksAndKeepsTheKeysOfTheRest) {
  auto w = window_of(400, 390);
  auto before = chain(w, 390);
  EXPECT_EQ(truncate(w, 10, 0.5), 128u);  // half of 336 tokens holds two whole chunks
  EXPECT_EQ(w.tokens.size(), 272u);
  EXPECT_EQ(w.tokens[64], 100u + 192u);
  EXPECT_EQ(w.settled, 262u);
  auto after = chain(w, w.settled);
  ASSERT_EQ(after.size(), 5u);
  EXPECT_EQ(after[0], before[0]);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(after[i], before[i + 2]);
}

TEST(Truncate, WhatFollowsHasKeysOfItsOwn) {
  auto truncated = window_of(256, 256);
  ASSERT_GT(truncate(truncated, 0, 0.5), 0u);
  auto fresh = window_of(0);
  fresh.tokens = truncated.tokens;
  auto end = static_cast<std::uint32_t>(fresh.tokens.size());
  std::vector<token_id> more(64, 9);
  for (auto* w : {&truncated, &fresh}) w->tokens.insert(w->tokens.end(), more.begin(), more.end());
  // Same tokens, but computed after more had been seen: another content, another key.
  EXPECT_NE(chain(truncated, end + 64).back().key, chain(fresh, end + 64).back().key);
}

TEST(Truncate, WhatFollowsIsNotTakenForWhatFollowsTheWholeWindow) {
  auto whole = window_of(256, 256), truncated = whole;
  ASSERT_GT(truncate(truncated, 0, 0.5), 0u);
  for (auto* w : {&whole, &truncated}) w->tokens.resize(w->tokens.size() + 64, 9);
  auto end_of = [](const lineage& w) { return chain(w, static_cast<std::uint32_t>(w.tokens.size())).back().key; };
  EXPECT_NE(end_of(truncated), end_of(whole));
}

TEST(Truncate, WhatFollowsDependsOnTheChunksThatStayed) {
  // Two windows show the same tokens, but other tokens were dropped from them.
  auto a = window_of(320, 320), b = window_of(320, 320);
  b.tokens[70] = 7;
  for (auto* w : {&a, &b}) {
    truncate(*w, 0, 0.5);
    w->tokens.resize(512, 9);
  }
  ASSERT_EQ(a.tokens, b.tokens);
  EXPECT_NE(chain(a, 512)[6].key, chain(b, 512)[6].key);
  EXPECT_EQ(chain(a, 64), chain(b, 64)) << "the first chunk never saw the difference";
}

TEST(Truncate, ARecomputedChunkDoesNotTakeTheKeyOfTheLostOne) {
  auto w = window_of(640, 640);
  truncate(w, 0, 0.5);
  auto kept = chain(w, w.settled);
  rebase(w);
  auto again = chain(w, w.settled == 0 ? static_cast<std::uint32_t>(w.tokens.size()) / 64 * 64 : w.settled);
  EXPECT_EQ(again[0], kept[0]);
  for (std::size_t i = 1; i < again.size(); ++i) EXPECT_NE(again[i].key, kept[i].key);
}

TEST(Truncate, TheTailThatStaysCanBeContinuedAndFilled) {
  auto w = window_of(214, 214);
  truncate(w, 0, 0.5);
  EXPECT_EQ(w.settled, 150u);
  auto tail = chain(w, 150).back();
  w.tokens.resize(200, 5);
  auto reuse = reusable_of(w).settled();
  ASSERT_EQ(reuse.size(), 3u);
  EXPECT_EQ(reuse.back(), tail);
  EXPECT_NE(chain(w, 192)[2].key, tail.key);  // filled up it is another chunk
}

TEST(Truncate, TwiceKeepsKeysDistinct) {
  auto w = window_of(640, 640);
  std::set<chunk_key> seen;
  for (auto link : chain(w, 640)) seen.insert(link.key);
  truncate(w, 0, 0.5);
  for (int turn = 0; turn < 3; ++turn) {
    w.tokens.resize(640, static_cast<token_id>(turn));
    auto links = chain(w, 640);
    for (std::size_t i = w.kept.size(); i < links.size(); ++i) EXPECT_TRUE(seen.insert(links[i].key).second);
    w.settled = 640;
    EXPECT_GT(truncate(w, 0, 0.5), 0u);
  }
}

TEST(Truncate, WhatWasNeverComputedIsDroppedToo) {
  auto w = window_of(364, 0);
  EXPECT_EQ(truncate(w, 0, 0.5), 128u);
  EXPECT_EQ(w.tokens[64], 100u + 192u);
  EXPECT_EQ(w.settled, 0u);
  EXPECT_TRUE(w.cuts.empty());
  EXPECT_EQ(reusable_of(w).whole.size(), 3u);
}

TEST(Truncate, ACutThroughTheUncomputedPartLeavesOnlyWhatIsBeforeItSettled) {
  auto w = window_of(640, 200);
  auto before = chain(w, 64);
  EXPECT_EQ(truncate(w, 64, 0.5), 256u);  // chunks 1 to 4, of which 1 to 3 were computed in part
  EXPECT_EQ(w.settled, 64u);
  EXPECT_EQ(chain(w, 64), before);
  EXPECT_EQ(w.tokens[64], 100u + 320u);
}

TEST(Truncate, ProtectingEverythingDropsNothing) {
  for (auto protect : {300u, 301u, ~0u, ~0u - 62}) {
    auto w = window_of(300, 290);
    w.keep = 100;
    auto before = w;
    EXPECT_EQ(truncate(w, protect, 0.5), 0u) << protect;
    EXPECT_EQ(w, before) << protect;
  }
}

TEST(MakeRoom, DropsAShareAtATimeUntilTheWindowFits) {
  auto w = window_of(1024, 1023);
  EXPECT_EQ(make_room(w, 1023, {}), 448u);
  EXPECT_EQ(w.tokens.size(), 576u);
  EXPECT_EQ(make_room(w, 1023, {}), 0u) << "it fits";
  make_room(w, 100, {});
  EXPECT_EQ(w.tokens.size(), 64u) << "a whole chunk goes though half of what is left is less than one";
}

TEST(MakeRoom, KeepsTheSystemPromptAndWhatThePolicyKeeps) {
  auto w = window_of(1024, 1023);
  w.keep = 100;
  auto before = chain(w, 128);
  make_room(w, 200, {.ratio = 0.9});
  EXPECT_EQ(chain(w, 128), before);
  EXPECT_LE(w.tokens.size(), 200u);
  EXPECT_EQ(make_room(w, 10, {.keep_tokens = 300}), 0u) << "nothing is left that may go";
  EXPECT_EQ(make_room(w, 10, {.keep_tokens = ~0u}), 0u);
  w = window_of(1024, 1023);
  EXPECT_EQ(make_room(w, 10, {.ratio = 0}), 0u) << "never truncated";
}

TEST(MakeRoom, ThePartialChunkAtTheEndGoesLast) {
  auto w = window_of(120, 110);
  EXPECT_EQ(make_room(w, 119, {}), 56u);
  EXPECT_EQ(w.tokens.size(), 64u);
  EXPECT_EQ(w.settled, 64u);
  EXPECT_EQ(make_room(w, 10, {}), 0u) << "the first chunk stays";
}

TEST(MakeRoom, AWindowWithTooMuchHistoryForgetsIt) {
  auto w = window_of(1024, 1023);
  make_room(w, 600, {.history_tokens_max = 400});
  EXPECT_TRUE(w.cuts.empty());
  EXPECT_FALSE(w.kept.empty());
  w.tokens.resize(1000, 3);
  w.settled = 900;
  make_room(w, 600, {});
  EXPECT_TRUE(w.cuts.empty()) << "what came before a later cut cannot be built either";
}

/// Applies the cuts of a window's history as the scheduler does, and compares the keys on the way.
void rebuild(const lineage& w) {
  auto past = history(w);
  ASSERT_EQ(past.size(), w.cuts.size());
  for (std::size_t i = 0; i < past.size(); ++i) {
    const auto& next = i + 1 < past.size() ? past[i + 1] : w;
    auto links = chain(past[i], static_cast<std::uint32_t>(past[i].tokens.size()));
    auto first = w.cuts[i].first_chunk, count = static_cast<std::uint32_t>(w.cuts[i].dropped.size() / 64);
    ASSERT_GE(links.size(), first + count);
    links.erase(links.begin() + first, links.begin() + first + count);
    ASSERT_GE(links.size(), next.kept.size());
    for (std::size_t k = 0; k < next.kept.size(); ++k) EXPECT_EQ(links[k].key, next.kept[k]) << i << ' ' << k;
    for (std::uint32_t t = 0; t < next.kept_tokens; ++t) {
      auto before = t < first * 64 ? t : t + count * 64;
      ASSERT_EQ(next.tokens[t], past[i].tokens[before]);
    }
  }
}

TEST(History, LostChunksAreComputedInTheWindowsInWhichTheyWereComputed) {
  auto w = window_of(640, 630);
  for (token_id turn = 1; turn < 6; ++turn) {
    truncate(w, 64 * (turn % 3), 0.2 + 0.1 * turn);
    rebuild(w);
    w.settled = static_cast<std::uint32_t>(w.tokens.size()) - turn;  // the last tokens were not computed
    w.tokens.resize(640 + 17 * turn, turn);
    w.settled = static_cast<std::uint32_t>(w.tokens.size()) - 40 * turn;
    rebuild(w);
  }
  EXPECT_EQ(w.cuts.size(), 5u);
}

TEST(History, ACutThroughTheUncomputedPartLeavesWhatIsBeforeItBuildable) {
  auto w = window_of(640, 640);
  truncate(w, 0, 0.5);
  w.tokens.resize(640, 5);
  truncate(w, 320, 0.9);  // through what was never computed
  rebuild(w);
  truncate(w, 128, 0.9);
  rebuild(w);
}

TEST(History, WhatCannotBeBuiltIsEmpty) {
  auto w = window_of(640, 640);
  EXPECT_TRUE(history(w).empty());
  truncate(w, 0, 0.5);
  EXPECT_EQ(history(w).size(), 1u);
  rebase(w);
  EXPECT_TRUE(history(w).empty());
  EXPECT_EQ(w.settled, 0u);
}

TEST(Shorten, AStopStringsTokensLeaveTheWindow) {
  auto w = window_of(640, 600);
  truncate(w, 0, 0.5);
  auto kept = w.kept_tokens;
  w.tokens.resize(kept + 100, 4);
  w.settled = kept + 90;
  shorten(w, kept + 10);
  EXPECT_EQ(w.settled, kept + 10);
  EXPECT_EQ(w.kept_tokens, kept);
  shorten(w, kept - 1);
  EXPECT_EQ(w.kept_tokens, (kept - 1) / 64 * 64);
  EXPECT_EQ(w.settled, w.kept_tokens);
  EXPECT_EQ(w.tokens.size(), kept - 1);
  rebuild(w);
}

}  // namespace
}  // namespace chromatin::kv
