#include "kv/lineage.hpp"

#include <numeric>
#include <set>

#include <gtest/gtest.h>

namespace chromatin::kv {
namespace {

lineage window_of(std::uint32_t tokens, std::uint32_t settled = 0) {
  lineage w{.tokens = std::vector<token_id>(tokens), .parent = root_key({1, 2}, {3, 4}), .settled = settled};
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
  b.parent = root_key({1, 2}, {3, 5});
  c.parent = root_key({1, 3}, {3, 4});
  EXPECT_NE(chain(a, 64)[0].key, chain(b, 64)[0].key);
  EXPECT_NE(chain(a, 64)[0].key, chain(c, 64)[0].key);
}

TEST(Chain, APartialChunkHasAnotherKeyThanTheWholeOne) {
  auto w = window_of(64);
  EXPECT_NE(chain(w, 63)[0].key, chain(w, 64)[0].key);
}

TEST(ReusableChain, NeverCoversTheLastToken) {
  auto links = reusable_chain(window_of(128));
  ASSERT_EQ(links.size(), 1u);  // 127 tokens may be reused: one whole chunk
  EXPECT_TRUE(reusable_chain(window_of(1)).empty());
  EXPECT_TRUE(reusable_chain(lineage{}).empty());
}

TEST(ReusableChain, EndsWithTheTailThatTheLastTurnLeft) {
  auto links = reusable_chain(window_of(200, 150));
  ASSERT_EQ(links.size(), 3u);
  EXPECT_EQ(links[2].fill, 22u);
  EXPECT_EQ(links, chain(window_of(150), 150));
}

TEST(Truncate, DropsWholeChunksAndKeepsTheKeysOfTheRest) {
  auto w = window_of(400, 390);
  auto before = chain(w, 390);
  EXPECT_EQ(truncate(w, 10, 0.5), 128u);  // one chunk protected; half of 336 tokens holds two whole chunks
  EXPECT_EQ(w.tokens.size(), 272u);
  EXPECT_EQ(w.tokens[64], 100u + 192u);
  EXPECT_EQ(w.settled, 262u);
  auto after = chain(w, w.settled);
  ASSERT_EQ(after.size(), 5u);
  EXPECT_EQ(after[0], before[0]);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(after[i], before[i + 2]);
}

TEST(Truncate, WhatFollowsCarriesAMarkOfWhatWasDropped) {
  auto truncated = window_of(256, 256);
  truncate(truncated, 0, 0.5);
  auto fresh = window_of(0);
  fresh.tokens = truncated.tokens;
  std::vector<token_id> more(64, 9);
  for (auto* w : {&truncated, &fresh}) w->tokens.insert(w->tokens.end(), more.begin(), more.end());
  // Same tokens, but computed after more had been seen: another content, another key.
  EXPECT_NE(chain(truncated, 192)[2].key, chain(fresh, 192)[2].key);
}

TEST(Truncate, TheTailThatStaysCanBeContinuedAndFilled) {
  auto w = window_of(150, 150);
  truncate(w, 0, 0.5);
  EXPECT_EQ(w.settled, 86u);
  auto tail = chain(w, 86).back();
  w.tokens.resize(140, 5);
  auto reuse = reusable_chain(w);
  ASSERT_EQ(reuse.size(), 2u);
  EXPECT_EQ(reuse.back(), tail);
  EXPECT_NE(chain(w, 128)[1].key, tail.key);  // filled up it is another chunk
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
  auto w = window_of(300, 0);
  EXPECT_EQ(truncate(w, 0, 0.5), 128u);
  EXPECT_EQ(w.tokens.front(), 100u + 128u);
  EXPECT_EQ(w.settled, 0u);
  EXPECT_EQ(reusable_chain(w).size(), 2u);
}

TEST(Truncate, ACutThroughTheUncomputedPartLeavesOnlyWhatStandsBeforeItSettled) {
  auto w = window_of(640, 200);
  auto before = chain(w, 64);
  EXPECT_EQ(truncate(w, 64, 0.5), 256u);  // chunks 1 to 4, of which 1 to 3 were computed in part
  EXPECT_EQ(w.settled, 64u);
  EXPECT_EQ(chain(w, 64), before);
  EXPECT_EQ(w.tokens[64], 100u + 320u);
}

TEST(MakeRoom, DropsAShareAtATimeUntilTheWindowFits) {
  auto w = window_of(1024, 1023);
  EXPECT_EQ(make_room(w, 1023, {}), 512u);
  EXPECT_EQ(w.tokens.size(), 512u);
  EXPECT_EQ(make_room(w, 1023, {}), 0u) << "it fits";
  EXPECT_EQ(make_room(w, 100, {}), 448u) << "256, 128, then a whole chunk though half of 128 holds just one";
}

TEST(MakeRoom, KeepsTheSystemPromptAndWhatThePolicyKeeps) {
  auto w = window_of(1024, 1023);
  w.keep = 100;
  auto before = chain(w, 128);
  make_room(w, 200, {.ratio = 0.9});
  EXPECT_EQ(chain(w, 128), before);
  EXPECT_LE(w.tokens.size(), 200u);
  EXPECT_EQ(make_room(w, 10, {.keep_tokens = 300}), 0u) << "nothing is left that may go";
  EXPECT_EQ(make_room(w, 10, {.ratio = 0}), 0u) << "never truncated";
}

TEST(Truncate, AProtectedWindowStays) {
  auto all_protected = window_of(300, 300);
  EXPECT_EQ(truncate(all_protected, 300, 0.5), 0u);
}

}  // namespace
}  // namespace chromatin::kv
