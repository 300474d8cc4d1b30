// What is missing after too few reads, and whether the number of reads that it asks for does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/shortage.hpp"
#include "archive/simulator.hpp"
#include "tests/archive/tube.hpp"

namespace chromatin::archive {
namespace {

const dna::profile geometry{};

dna::block_outcome decoded_block(std::uint32_t leaf, std::uint64_t reads) {
  return {.id = {leaf, 0}, .decoded = dna::block{{leaf, 0}}, .reads = reads, .molecules = 15};
}
dna::block_outcome half_block(std::uint32_t leaf, std::uint32_t molecules) {
  return {.id = {leaf, 0}, .reads = molecules, .molecules = molecules};
}

TEST(Shortage, NothingIsMissingWhereEveryBlockWasDecoded) {
  const std::vector<dna::block_id> wanted{{1, 0}, {2, 0}};
  EXPECT_FALSE(shortage_of(wanted, std::vector{decoded_block(2, 90), decoded_block(1, 90)}, 500, geometry));
}

TEST(Shortage, TheFewerMoleculesWereSeenTheMoreReadsItTakes) {
  const std::vector<dna::block_id> wanted{{1, 0}, {2, 0}};
  std::uint64_t before = 0;
  for (std::uint32_t seen : {11U, 8U, 5U, 3U}) {
    const auto found = shortage_of(wanted, std::vector{decoded_block(1, 60), half_block(2, seen)}, 500, geometry);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->missing, (std::vector<dna::block_id>{{2, 0}}));
    EXPECT_GT(found->reads_more, before) << seen;
    EXPECT_LE(found->reads_more, 8U * 500);
    before = found->reads_more;
  }
}

TEST(Shortage, ABlockWithMoleculesEnoughNeedsAsManyReadsAgain) {
  const std::vector<dna::block_id> wanted{{1, 0}};
  for (std::uint32_t seen : {12U, 15U})
    EXPECT_EQ(shortage_of(wanted, std::vector{half_block(1, seen)}, 500, geometry)->reads_more, 500U);
}

TEST(Shortage, ABlockThatNobodySawWhereOthersAreReadOftenIsNotInTheTube) {
  const std::vector<dna::block_id> wanted{{1, 0}, {2, 0}};
  EXPECT_EQ(shortage_of(wanted, std::vector{decoded_block(1, 400)}, 500, geometry)->reads_more, 0U);
  EXPECT_GT(shortage_of(wanted, std::vector{decoded_block(1, 60)}, 500, geometry)->reads_more, 0U);
  EXPECT_EQ(shortage_of(wanted, {}, 500, geometry)->reads_more, 8U * 500) << "nothing tells how often others are read";
}

TEST(Shortage, WhatOthersHadOfASharedPcrIsNotReadAgain) {
  const std::vector<dna::block_id> wanted{{1, 0}, {2, 0}};
  const std::vector mine{decoded_block(1, 60), half_block(2, 8)};
  auto shared = mine;
  for (std::uint32_t leaf = 10; leaf < 28; ++leaf) shared.push_back(decoded_block(leaf, 34));  // nine times as many
  auto strays = half_block(40, 300);
  strays.trace = true;
  shared.push_back(strays);
  const auto alone = shortage_of(wanted, mine, 500, geometry)->reads_more;
  EXPECT_EQ(shortage_of(wanted, shared, 5000, geometry)->reads_more, alone);
  const std::vector unseen{decoded_block(10, 60), decoded_block(11, 60)};
  EXPECT_EQ(shortage_of(wanted, unseen, 500, geometry)->reads_more, 8U * 500) << "its part is not known";
}

TEST(Shortage, WhatItAsksForDoes) {
  tube_folder tube;
  tube.put("talk/transcript", long_text(2500, 'a'));
  tube.put("other/transcript", long_text(9000, 'm'));
  const auto strands = tube.next_order("tube-order-1");
  std::vector<dna::block_id> wanted;
  const auto file = tube.store().contents().find("talk/transcript").value();
  for (const auto& part : file.blocks) wanted.push_back({part.leaf, 0});
  int short_at_first = 0, rounds = 0;
  constexpr int trials = 8;
  for (std::uint64_t seed = 1; seed <= trials; ++seed) {
    simulator_options options;
    options.seed = seed;
    simulator lab{options};
    const lab_time start{}, filled = start + options.synthesis_time, end = filled + std::chrono::days{9};
    lab.order(strands, start);
    std::vector<std::string> names;
    std::uint64_t reads = 0, next = 250;
    while (true) {
      ++rounds;
      names.push_back("recall-" + std::to_string(names.size() + 1));
      lab.order(tube.recall(names.back(), "talk", next), filled);
      reads += next;
      tube.decode(lab, names, end);
      const auto lacking = shortage_of(wanted, tube.outcomes, reads, geometry);
      if (!lacking) break;
      short_at_first += names.size() == 1;
      ASSERT_GT(lacking->reads_more, 0U);
      ASSERT_LT(names.size(), 6U) << "seed " << seed;
      next = lacking->reads_more;
    }
    EXPECT_LE(reads, 4000U) << "seed " << seed;
  }
  EXPECT_GE(short_at_first, trials / 2) << "the first order has to be too small, or this shows nothing";
  EXPECT_LE(rounds, 3 * trials) << "most of them end with the second order";
}

}  // namespace
}  // namespace chromatin::archive
