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

TEST(Trial, SoWhereDirectoriesHaveJournalsOfTheirOwn) {
  std::mt19937_64 random{std::random_device{}()};
  std::size_t current = 0, as_of = 0;
  for (int i = 0; i < 30; ++i) {
    const auto seed = random();
    auto how = draw_conditions(seed);
    how.profile = "archive";
    const auto found = run_trial(how, seed);
    for (const auto* list : {&found.stale, &found.wrong, &found.unnamed})
      for (const auto& line : *list) ADD_FAILURE() << "seed " << seed << ": " << line;
    current += found.current_files;
    as_of += found.files_as_of;
  }
  EXPECT_GT(current, 0U);
  EXPECT_GT(as_of, 0U);
  std::size_t stale = 0;
  const trial_conditions lost{.profile = "archive", .coverage = 2, .patch_ratio = 0.1, .lost_blocks = 1};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) stale += run_trial(lost, seed, planted::believes).stale.size();
  EXPECT_GT(stale, 0U) << "the check can fail";
}

TEST(Trial, AReaderThatBelievesWhatItFoundIsCaught) {
  trial_conditions lost{.coverage = 20, .lost_blocks = 1};
  std::size_t stale = 0, as_of = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    // Only the record of the last commit is missing, and the reader does not look for signs of it.
    stale += run_trial({.coverage = 2, .patch_ratio = 0.1, .lost_blocks = 1}, seed, planted::believes).stale.size();
    const auto found = run_trial(lost, seed);
    as_of += found.files_as_of;
    EXPECT_TRUE(found.stale.empty());
  }
  EXPECT_GT(stale, 0U) << "the check can fail";
  EXPECT_GT(as_of, 0U);
}

TEST(Trial, WrongBytesAndSilenceAreCaught) {
  std::size_t wrong = 0, unnamed = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const trial_conditions thin{.updates = static_cast<std::uint32_t>(seed % 6), .coverage = 4};
    const auto sound = run_trial(thin, seed);
    EXPECT_TRUE(sound.wrong.empty() && sound.unnamed.empty() && sound.stale.empty());
    const auto damaged = run_trial(thin, seed, planted::corrupts);
    wrong += damaged.wrong.size() + damaged.stale.size();
    unnamed += run_trial(thin, seed, planted::forgets).unnamed.size();
  }
  EXPECT_GT(wrong, 5U);
  EXPECT_GT(unnamed, 5U);
}

}  // namespace
}  // namespace chromatin::dna::wetlab
