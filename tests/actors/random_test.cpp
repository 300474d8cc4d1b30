// Random lives of the whole system. `test_actors --seeds N` lives N of each kind, `--seed S` only that one. Each prints
// how often what was done and what went wrong.

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/actors/random_run.hpp"

namespace chromatin::test {

seed_range lives;

namespace {

/// What was done in all lives, and how often.
void print(const tally& done) {
  for (const auto& [what, times] : done) std::printf("%10ld  %s\n", static_cast<long>(times), what.c_str());
}

TEST(RandomLives, WithoutDeathsEveryTurnIsAnsweredAsInAnUndisturbedRun) {
  tally done;
  for (auto seed = lives.first; seed < lives.first + lives.count && !HasFailure(); ++seed)
    random_run{seed, false}.run(done);
  print(done);
}

TEST(RandomLives, WithDeathsEveryTurnIsAnsweredAsInAnUndisturbedRun) {
  tally done;
  for (auto seed = lives.first; seed < lives.first + lives.count && !HasFailure(); ++seed)
    random_run{seed, true}.run(done);
  print(done);
}

/// As long as a seed draws the same life.
TEST(RandomLives, ThoseThatDidNotHoldOnceDo) {
  tally done;
  random_run{5919, false}.run(done);  // forgotten while another conversation computes the same chunk
  random_run{4053, true}.run(done);   // given up within its layers, where another turn's tail is the same chunk
  random_run{4022, true}.run(done);   // a fork is answered before the open that came before it
}

}  // namespace
}  // namespace chromatin::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string_view flag = argv[i];
    auto value = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--seeds") chromatin::test::lives.count = value;
    if (flag == "--seed") chromatin::test::lives = {value, 1};
    if (flag == "--first-seed") chromatin::test::lives.first = value;
  }
  return RUN_ALL_TESTS();
}
