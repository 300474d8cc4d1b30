// Random lives of the whole system. `test_actors --seeds N` lives N of each kind, `--seed S` only that one.

#include <cstdlib>
#include <string_view>

#include "tests/actors/random_run.hpp"

namespace chromatin::test {
namespace {

std::uint64_t first_seed = 1, seeds = 150;

TEST(RandomLives, WithoutDeathsEveryTurnIsAnsweredAsInAnUndisturbedRun) {
  for (auto seed = first_seed; seed < first_seed + seeds && !HasFailure(); ++seed) random_run{seed, false}.run();
}

TEST(RandomLives, WithDeathsEveryTurnIsAnsweredAsInAnUndisturbedRun) {
  for (auto seed = first_seed; seed < first_seed + seeds && !HasFailure(); ++seed) random_run{seed, true}.run();
}

TEST(RandomLives, SeedsThatFoundSomethingOnce) {
  random_run{208, true}.run();   // a turn without reuse was cancelled with a full window, which had made room already
  random_run{531, false}.run();  // a full window without reuse has no page for a moment; its turn was cancelled then
  random_run{818, true}.run();   // a turn gave way before its tail was copied, and handed on what was not there yet
}

}  // namespace
}  // namespace chromatin::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string_view flag = argv[i];
    auto value = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--seeds") chromatin::test::seeds = value;
    if (flag == "--seed") chromatin::test::first_seed = value, chromatin::test::seeds = 1;
    if (flag == "--first-seed") chromatin::test::first_seed = value;
  }
  return RUN_ALL_TESTS();
}
