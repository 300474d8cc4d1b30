// Who takes part in steps when one client has more turns than the others.

#include "actors/step_shares.hpp"

#include <gtest/gtest.h>

namespace chromatin {
namespace {

/// A device whose step takes `base_us` and `token_us` for each token; clients with so many running turns each.
struct device {
  double base_us = 0, token_us = 0;
  std::map<step_shares::client, std::uint32_t> turns;

  struct result {
    std::map<step_shares::client, double> tokens_per_s;
  };
  result decode(int steps) const {
    step_shares shares;
    std::map<step_shares::client, double> tokens;
    double us = 0;
    for (int i = 0; i < steps; ++i) {
      std::set<step_shares::client> ready;
      for (auto [c, n] : turns)
        if (c != 1 || i % 10 > 0) ready.insert(c);  // the first one is between two turns now and then
      auto out = shares.sitting_out(ready);
      std::map<step_shares::client, std::uint32_t> in;
      auto step_us = base_us;
      for (auto c : ready)
        if (!out.contains(c)) in[c] = turns.at(c), tokens[c] += turns.at(c), step_us += token_us * turns.at(c);
      us += step_us;
      shares.stepped(step_us, in, ready);
    }
    result r;
    for (auto [c, n] : tokens) r.tokens_per_s[c] = n / us * 1e6;
    return r;
  }
};

TEST(StepShares, OthersGetTheirShareBesideAClientWithManyTurns) {
  device alone{.base_us = 2000, .token_us = 1000, .turns = {{1, 1}, {2, 1}, {3, 1}, {4, 1}}}, beside = alone;
  beside.turns[5] = 12;
  auto before = alone.decode(5000).tokens_per_s, after = beside.decode(5000).tokens_per_s;
  for (step_shares::client c : {1, 2, 3, 4}) EXPECT_GT(after[c] / before[c], 0.95 * 4 / 5) << c;
  EXPECT_GT(after[5], after[2]) << "what the step takes anyway is nobody's";
}

TEST(StepShares, WhereATokenCostsNextToNothingNobodySitsOut) {
  device fast{.base_us = 10'000, .token_us = 20, .turns = {{1, 1}, {2, 1}, {5, 100}}};
  auto r = fast.decode(3000).tokens_per_s;
  EXPECT_NEAR(r[5] / r[2], 100, 1);
}

TEST(StepShares, ClientsWithAsManyTurnsHaveEqualShares) {
  device busy{.base_us = 100, .token_us = 1000, .turns = {{2, 8}, {3, 8}, {4, 8}}};
  auto r = busy.decode(3000).tokens_per_s;
  EXPECT_NEAR(r[2] / r[3], 1, 0.01);
  EXPECT_NEAR(r[2] + r[3] + r[4], 24e6 / 24'100, 20) << "and nobody sits out";
}

TEST(StepShares, WhoIsAloneNeverSitsOut) {
  step_shares shares;
  shares.stepped(100, {{1, 1}}, {1, 2});
  shares.stepped(10'000, {{1, 100}}, {1, 2});
  for (int i = 0; i < 100; ++i) shares.stepped(10'000, {{1, 100}, {2, 1}}, {1, 2});
  EXPECT_EQ(shares.sitting_out({1, 2}), std::set<step_shares::client>{1});
  EXPECT_TRUE(shares.sitting_out({1}).empty());
}

}  // namespace
}  // namespace chromatin
