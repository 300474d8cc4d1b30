// The whole system over the CUDA executor on an emulated device: whatever order of work a seed draws within what the
// events allow, and wherever the chunks are, the tokens are those of an undisturbed run.

#include "tests/actors/random_run.hpp"

namespace chromatin::test {
namespace {

constexpr int turns_each = 3, conversations = 3;

std::string text_of(int conversation, int turn) {
  return std::string(static_cast<std::size_t>(20 + 25 * conversation), static_cast<char>('a' + conversation)) +
         " and " + std::to_string(turn);
}

/// Turns of some conversations, all of one round at once.
std::vector<std::string> play_rounds(world& w) {
  std::vector<std::string> answers;
  for (int turn = 0; turn < turns_each; ++turn) {
    std::vector<turn_id> ids;
    for (int c = 0; c < conversations; ++c) ids.push_back(w.say("c" + std::to_string(c), text_of(c, turn), 4));
    w.run();
    for (auto id : ids) {
      EXPECT_EQ(w.outcome(id).error, "");
      answers.push_back(w.outcome(id).text);
    }
  }
  return answers;
}

/// From so small that conversations push each other out to so large that none is.
world_options shape_of(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  auto one_of = [&](std::initializer_list<std::uint32_t> values) { return values.begin()[random() % values.size()]; };
  return {.device_chunks = one_of({7, 8, 12}),
          .host_chunks = one_of({4, 8, 20}),
          .disk_chunks = 40,
          .step_tokens_max = one_of({32, 100}),
          .batch_max = one_of({1, 2, 3}),
          .shuffle_seed = seed,
          .disk = random() % 4 != 0,
          .verify = random() % 4 == 0,
          .fast_device = random() % 3 == 0,
          .delays_messages = random() % 2 == 0,
          .context = 384,
          .cuda = true};
}

/// In two halves, so that two cores share them.
class CudaLives : public testing::TestWithParam<std::uint64_t> {};

TEST_P(CudaLives, NoOrderOfWorkThatTheEventsAllowChangesAToken) {
  auto undisturbed = [] {
    world w{{.device_chunks = 60, .host_chunks = 60, .context = 384, .cuda = true}};
    return play_rounds(w);
  }();
  std::int64_t loaded = 0, evicted = 0;
  const auto first = lives.first + GetParam() * lives.count;
  for (auto seed = first; seed < first + lives.count && !HasFailure(); ++seed) {
    world w{shape_of(seed)};
    EXPECT_EQ(play_rounds(w), undisturbed) << "seed " << seed;
    loaded += w.counter(w.device, "loaded_chunks");
    evicted += w.counter(w.host, "evicted_chunks");
  }
  EXPECT_TRUE(lives.count < 10 || (loaded > 0 && evicted > 0)) << "nothing was loaded, or nothing pushed out";
}

INSTANTIATE_TEST_SUITE_P(Halves, CudaLives, testing::Values(0u, 1u));

}  // namespace
}  // namespace chromatin::test
