// How fast things go here.

#include "actors/pace.hpp"

#include <gtest/gtest.h>

namespace chromatin::test {
namespace {

TEST(Pace, ATokenCountsTheSameInASmallStepAndInALargeOne) {
  pace p;
  EXPECT_FALSE(p.knows_prefill());
  for (int n = 0; n < 100; ++n) {
    p.stepped(4000, 40, 0);     // 100 us a token
    p.stepped(20000, 1000, 0);  // 20 us a token
  }
  EXPECT_TRUE(p.knows_prefill());
  EXPECT_NEAR(p.prefill_us_per_token(), 24000.0 / 1040, 1);
}

TEST(Pace, WhatOthersDecodeInTheSameStepIsNotThePromptsTime) {
  pace p;
  for (int n = 0; n < 100; ++n) {
    p.stepped(8000, 8, 1, 8);
    p.stepped(18'000, 108, 1, 8);
  }
  EXPECT_NEAR(p.prefill_us_per_token(), 100, 1);
}

TEST(Pace, StepsThatDecodeOnlySayNothingOfPrompts) {
  pace p;
  p.stepped(8000, 8, 2);
  EXPECT_FALSE(p.knows_prefill());
  EXPECT_EQ(p.decode_steps_in(12'000), 4u);
}

}  // namespace
}  // namespace chromatin::test
