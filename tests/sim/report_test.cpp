#include "sim/report.hpp"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chromatin::sim {
namespace {

std::vector<run_result> two_runs() {
  run_result lru{.policy = "lru", .capacity_tokens = 1000, .requests = 4, .reusable_tokens = 200, .hit_tokens = 50};
  lru.reusable_requests = 3, lru.full_hits = 1;
  lru.hit_share_over_time = {0, .5};
  auto fifo = lru;
  fifo.policy = "fifo", fifo.capacity_tokens = 2000, fifo.hit_tokens = 20;
  return {lru, fifo};
}

/// Scripts of others read these names.
TEST(Report, JsonHasTheFieldsThatAreFixed) {
  auto json = nlohmann::json::parse(to_json(two_runs()));
  ASSERT_EQ(json.at("runs").size(), 2U);
  const auto& run = json.at("runs").at(0);
  EXPECT_EQ(run.at("policy"), "lru");
  EXPECT_EQ(run.at("capacity_tokens"), 1000);
  EXPECT_EQ(run.at("requests"), 4);
  EXPECT_EQ(run.at("hit_token_share"), .25);
  EXPECT_NEAR(run.at("full_hit_share").get<double>(), 1. / 3, 1e-12);
  for (const auto* name : {"mean", "p50", "p99"}) EXPECT_TRUE(run.at("ttft_ms").at(name).is_null());
  EXPECT_EQ(run.at("tiers").at("flat").at("hit_tokens"), 50);
}

TEST(Report, TheTableHasARowAPolicyAndAColumnACapacity) {
  EXPECT_EQ(text_table(two_runs()),
            "capacity            1000        2000\n"
            "lru               0.2500            \n"
            "fifo                          0.1000\n");
}

TEST(Report, ChartsOfOnePointOrOfNothingAreDrawn) {
  for (const auto& svg : {to_svg(two_runs()), to_svg({}), to_html(std::span<const run_result>{}, "a <b> & c")}) {
    EXPECT_THAT(svg, testing::HasSubstr("</"));
    EXPECT_THAT(svg, testing::Not(testing::ContainsRegex("nan|inf")));
  }
  EXPECT_THAT(to_html(std::span<const run_result>{}, "a <b> & c"), testing::HasSubstr("a &lt;b> &amp; c"));
}

}  // namespace
}  // namespace chromatin::sim
