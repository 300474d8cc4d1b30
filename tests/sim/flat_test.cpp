// Known numbers, and what the policies are worth on real traces.

#include "sim/flat.hpp"

#include <cstdlib>
#include <map>

#include <gtest/gtest.h>

#include "sim/report.hpp"

namespace chromatin::sim {
namespace {

const std::filesystem::path mooncake_file =
    std::filesystem::path{CHROMATIN_SOURCE_DIR} / "tests/data/traces/mooncake_conversation.jsonl.gz";
constexpr std::uint64_t block_tokens = 512;
const std::vector<std::string> classical{"fifo", "lru", "lfu"};

const trace& mooncake() {
  static const auto t = read_trace(mooncake_file);
  return *t;
}

double share(const trace& t, const std::string& policy, std::uint64_t capacity_tokens) {
  return replay_flat(t, policy, capacity_tokens).hit_token_share();
}

double best_classical(const trace& t, std::uint64_t capacity_tokens) {
  double best = 0;
  for (const auto& policy : classical) best = std::max(best, share(t, policy, capacity_tokens));
  return best;
}

/// Shares of the Mooncake trace that independent replays agree on.
TEST(FlatReplay, KnownSharesOfTheMooncakeTraceAreReproduced) {
  const std::map<std::uint64_t, std::map<std::string, double>> known{
      {3'000, {{"fifo", .0633}, {"lfu", .1179}, {"lru", .0653}, {"belady", .2945}}},
      {10'000, {{"fifo", .1813}, {"lfu", .1879}, {"lru", .2116}, {"belady", .3664}}},
      {30'000, {{"fifo", .2937}, {"lfu", .2799}, {"lru", .3257}, {"belady", .3664}}}};
  for (const auto& [blocks, shares] : known)
    for (const auto& [policy, expected] : shares)
      EXPECT_NEAR(share(mooncake(), policy, blocks * block_tokens), expected, .002) << policy << " at " << blocks;
  EXPECT_NEAR(share(mooncake(), "lru", ~std::uint64_t{0}), .3664, .002) << "without bound";
}

TEST(FlatReplay, LookaheadWithoutAQueueIsLru) {
  EXPECT_EQ(share(mooncake(), "lookahead", 10'000 * block_tokens), share(mooncake(), "lru", 10'000 * block_tokens));
}

TEST(FlatReplay, NothingReusedFromACapacityBelowOneBlock) { EXPECT_EQ(share(mooncake(), "predictive", 1), 0); }

TEST(FlatReplay, AnEvictedTailLeavesAHeadThatIsReused) {
  const std::string heading = "user_id time_stamp(seconds) query_length response_length round_index\n";
  auto t = parse_trace(heading + "1 0 100 28 0\n1 10 1 1 1\n", "x");
  auto r = replay_flat(*t, "lru", 64);
  EXPECT_EQ(r.reusable_tokens, 128U);
  EXPECT_EQ(r.hit_tokens, 64U);
  EXPECT_EQ(r.full_hits, 0U);
  EXPECT_EQ(r.reusable_requests, 1U);
  EXPECT_EQ(replay_flat(*t, "lru", 128).full_hit_share(), 1);
}

TEST(FlatReplay, TheSameRunsMakeTheSameBytes) {
  auto once = [] {
    std::vector<run_result> runs;
    for (const auto& policy : {"predictive", "belady"})
      runs.push_back(replay_flat(mooncake(), policy, 5'000 * block_tokens));
    return to_json(runs) + to_html(runs, "x") + to_svg(runs);
  };
  EXPECT_EQ(once(), once());
}

TEST(FlatReplay, APolicyThatGoesOnWithWhatItLearnedStartsBetter) {
  std::vector<std::byte> memory;
  auto cold = replay_flat(mooncake(), "predictive", 3'000 * block_tokens, &memory);
  ASSERT_FALSE(memory.empty());
  auto warm = replay_flat(mooncake(), "predictive", 3'000 * block_tokens, &memory);
  EXPECT_GT(warm.hit_tokens, cold.hit_tokens);
}

TEST(Predictive, BeatsTheClassicalPoliciesOnTheMooncakeTrace) {
  EXPECT_GE(share(mooncake(), "predictive", 3'000 * block_tokens),
            1.12 * best_classical(mooncake(), 3'000 * block_tokens));
  EXPECT_GE(share(mooncake(), "predictive", 10'000 * block_tokens),
            1.10 * best_classical(mooncake(), 10'000 * block_tokens));
  for (std::uint64_t blocks : {500, 1'000, 2'000, 5'000, 20'000, 50'000, 100'000})
    EXPECT_GE(share(mooncake(), "predictive", blocks * block_tokens), best_classical(mooncake(), blocks * block_tokens))
        << blocks;
}

/// The interactive trace may not be copied: CHROMATIN_INTERACTIVE_TRACE says where it is.
TEST(Predictive, IsTwiceAsGoodAsTheClassicalPoliciesOnTheInteractiveTrace) {
  const char* file = std::getenv("CHROMATIN_INTERACTIVE_TRACE");
  if (!file || !std::filesystem::exists(file)) GTEST_SKIP() << "CHROMATIN_INTERACTIVE_TRACE names no file";
  auto t = read_trace(file);
  constexpr double mean_live_tokens = 811'000;
  for (double part : {.05, .12, .25, .40}) {
    auto capacity = static_cast<std::uint64_t>(part * mean_live_tokens);
    EXPECT_GE(share(*t, "predictive", capacity), 2 * best_classical(*t, capacity)) << part;
  }
  constexpr std::uint64_t capacity = 324'400;
  auto lru = share(*t, "lru", capacity), belady = share(*t, "belady", capacity);
  EXPECT_GE(share(*t, "predictive", capacity), lru + .7 * (belady - lru));
}

}  // namespace
}  // namespace chromatin::sim
