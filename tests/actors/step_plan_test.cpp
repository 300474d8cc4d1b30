// Who takes part in a step.

#include "actors/step_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chromatin::test {
namespace {

constexpr std::uint32_t plan_context = 4096;

struct StepPlan : testing::Test {
  /// A turn with so many tokens, of which some are computed.
  sequence running(turn_id turn, std::uint32_t tokens, std::uint32_t computed) {
    sequence s;
    s.order.turn = turn;
    s.order.window.tokens.assign(tokens, 1);
    s.arrival = turn;
    s.at = sequence::phase::running;
    s.computed = computed;
    s.pages = arena->try_allocate(kv::chunks_for(tokens + 1));
    return s;
  }
  std::vector<std::pair<turn_id, std::uint32_t>> plan(std::vector<sequence*> all, std::uint32_t tokens_max) {
    std::vector<std::pair<turn_id, std::uint32_t>> parts;
    for (const auto& p : plan_step(std::move(all), tokens_max, {}, plan_context, {}))
      parts.emplace_back(p.turn, p.tokens);
    return parts;
  }

  std::shared_ptr<kv::page_arena> arena = kv::page_arena::make(kv::plain_memory(64 * 4096), 4096);
};

TEST_F(StepPlan, WhoAnswersIsInEveryStepHoweverLongAPromptIs) {
  auto prompt = running(1, 1000, 0), one = running(2, 50, 49), other = running(3, 70, 69);
  EXPECT_THAT(plan({&prompt, &one, &other}, 100),
              testing::UnorderedElementsAre(std::pair{1, 98}, std::pair{2, 1}, std::pair{3, 1}));
}

TEST_F(StepPlan, PromptsShareWhatIsLeft) {
  auto big = running(1, 1000, 0), small = running(2, 20, 0);
  EXPECT_THAT(plan({&big, &small}, 100), testing::UnorderedElementsAre(std::pair{1, 80}, std::pair{2, 20}));
}

TEST_F(StepPlan, OneThatWaitsForItsLoadIsLeftOutWhileOthersCanGoOn) {
  auto loading = running(1, 100, 64), other = running(2, 50, 49);
  loading.loading = std::make_shared<load_progress>(4);
  EXPECT_THAT(plan({&loading, &other}, 100), testing::ElementsAre(std::pair{2, 1}));
}

}  // namespace
}  // namespace chromatin::test
