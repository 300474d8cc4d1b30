// Whatever is wrong with a tube and its reads, nothing old is given as new and nothing that is missing goes unsaid.

#include <random>

#include <gtest/gtest.h>

#include "dna/wetlab/trial.hpp"

namespace chromatin::dna::wetlab {
namespace {

TEST(Trial, NothingStaleNothingWrongEverythingNamed) {
  std::mt19937_64 random{std::random_device{}()};
  for (int i = 0; i < 60; ++i) {
    const auto seed = random();
    const auto found = run_trial(draw_conditions(seed), seed);
    for (const auto* list : {&found.stale, &found.wrong, &found.unnamed})
      for (const auto& line : *list) ADD_FAILURE() << "seed " << seed << ": " << line;
  }
}

TEST(Trial, AReaderThatBelievesWhatItFoundIsCaught) {
  trial_conditions lost{.coverage = 20, .lost_blocks = 1};
  std::size_t stale = 0, as_of = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    // Only the record of the last commit is missing, and the reader does not look for signs of it.
    stale += run_trial({.coverage = 2, .patch_ratio = 0.1, .lost_blocks = 1}, seed, true).stale.size();
    as_of += run_trial(lost, seed).files_as_of;
    EXPECT_TRUE(run_trial(lost, seed).stale.empty());
  }
  EXPECT_GT(stale, 0U) << "the check can fail";
  EXPECT_GT(as_of, 0U);
}

}  // namespace
}  // namespace chromatin::dna::wetlab
