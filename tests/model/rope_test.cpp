#include "model/rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

namespace chromatin::model {
namespace {

config head_of(std::uint32_t values, rope_scaling scaling = {}) {
  config c;
  c.head_dim = values;
  c.rope_theta = 10000;
  c.scaling = scaling;
  return c;
}

TEST(Rope, PairsTurnSlowerAndSlower) {
  auto f = rotary_frequencies(head_of(64));
  ASSERT_EQ(f.size(), 32u);
  EXPECT_EQ(f[0], 1.0f);
  EXPECT_FLOAT_EQ(f[16], 0.01f);
  EXPECT_FLOAT_EQ(f[31], std::pow(10000.0f, -62.0f / 64.0f));
}

TEST(Rope, LinearStretchingSlowsAllDown) {
  auto plain = rotary_frequencies(head_of(64)),
       slow = rotary_frequencies(head_of(64, {.type = rope_scaling::kind::linear, .factor = 4}));
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_FLOAT_EQ(slow[i], plain[i] / 4);
}

TEST(Rope, Llama3LeavesWhatTurnsFastAndBlendsBetween) {
  rope_scaling s{.type = rope_scaling::kind::llama3,
                 .factor = 8,
                 .low_frequency_factor = 1,
                 .high_frequency_factor = 4,
                 .original_context = 64};
  auto plain = rotary_frequencies(head_of(64)), f = rotary_frequencies(head_of(64, s));
  std::size_t fast = 0, between = 0, slow = 0;
  for (std::size_t i = 0; i < f.size(); ++i) {
    double turns = 64 * plain[i] / (2 * std::numbers::pi);  // in the context that the model was first trained on
    double share = std::clamp((turns - 1) / 3, 0.0, 1.0);
    EXPECT_NEAR(f[i], plain[i] * (share + (1 - share) / 8), 1e-6) << i;
    ++(share == 1 ? fast : share == 0 ? slow : between);
  }
  EXPECT_GT(fast, 0u);
  EXPECT_GT(between, 0u);
  EXPECT_GT(slow, 0u);
}

}  // namespace
}  // namespace chromatin::model
