// The toy that actor tests run on: what it must notice, and that its order of work changes nothing.

#include <gtest/gtest.h>

#include "tests/support/toy_backend.hpp"

namespace chromatin::test {
namespace {

using token_list = std::vector<kv::token_id>;

struct toy_run {
  explicit toy_run(const toy_options& options = {}) : toy{options} {
    std::vector<kv::page_ref> pages;
    for (int i = 0; i < 3; ++i) pages.push_back(arena->try_allocate());
    table = std::make_shared<const std::vector<kv::page_ref>>(std::move(pages));
  }
  gpu::sequence_step step(const token_list& input, std::uint32_t position) const {
    return {.tokens = input,
            .position = position,
            .pages = table,
            .sampler = std::make_shared<model::sampler>(model::sampling{})};
  }
  gpu::step_output run(gpu::step_batch batch) {
    gpu::step_output output{.error = "not ended"};
    toy.begin(std::move(batch));
    for (std::uint32_t layer = 0; layer < toy.geometry().layers; ++layer) toy.run_layer(layer, {});
    toy.finish([&](gpu::step_output o) { output = std::move(o); });
    EXPECT_EQ(output.error, "not ended");
    while (toy.poll()) {
    }
    return output;
  }
  kv::token_id next(kv::token_id token, std::uint32_t position) {
    return run({.sequences = {step({token}, position)}, .ends = {}}).sequences.at(0).tokens.at(0);
  }

  toy_backend toy;
  std::shared_ptr<kv::page_arena> arena = toy.make_arena(6);
  kv::block_table table;
};

token_list count_to(kv::token_id n) {
  token_list all(n);
  for (kv::token_id i = 0; i < n; ++i) all[i] = i;
  return all;
}

TEST(ToyBackend, GivesTheSameTokensHoweverAPromptIsCut) {
  toy_run whole, cut;
  auto input = count_to(100);
  auto expected = whole.run({.sequences = {whole.step(input, 0)}, .ends = {}}).sequences[0].tokens;
  cut.run({.sequences = {cut.step({input.begin(), input.begin() + 70}, 0)}, .ends = {}});
  EXPECT_EQ(cut.run({.sequences = {cut.step({input.begin() + 70, input.end()}, 70)}, .ends = {}}).sequences[0].tokens,
            expected);
}

TEST(ToyBackend, ABurstGivesTheTokensOfSingleSteps) {
  toy_run burst, single;
  auto answer = burst.run({.sequences = {burst.step(count_to(9), 0)}, .steps = 4, .ends = {}}).sequences[0].tokens;
  ASSERT_EQ(answer.size(), 4u);
  auto first = single.run({.sequences = {single.step(count_to(9), 0)}, .ends = {}}).sequences[0].tokens;
  EXPECT_EQ(first, token_list{answer[0]});
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(single.next(answer[i], 9 + i), answer[i + 1]);
}

TEST(ToyBackend, AnyByteOfAnyFilledSlotChangesWhatFollows) {
  toy_run r;
  r.run({.sequences = {r.step(count_to(70), 0)}, .ends = {}});
  auto right = r.next(5, 70);
  const auto& g = r.toy.geometry();
  for (std::uint32_t layer = 0; layer < g.layers; ++layer)
    for (std::size_t offset = 0; offset < 2 * g.kv_heads * g.head_bytes(); offset += 509) {
      auto& byte = kv::slice_of((*r.table)[0], g, layer)[offset];
      byte ^= std::byte{1};
      EXPECT_NE(r.next(5, 70), right) << layer << " " << offset;
      byte ^= std::byte{1};
    }
  EXPECT_EQ(r.next(5, 70), right);
}

TEST(ToyBackend, ADroppedSequenceIsNotComputedFurther) {
  toy_run r;
  gpu::step_output output;
  r.toy.begin({.sequences = {r.step({1, 2}, 0)}, .ends = {}});
  r.toy.run_layer(0, {});
  r.toy.drop(0);
  for (std::uint32_t layer = 1; layer < r.toy.geometry().layers; ++layer) r.toy.run_layer(layer, {});
  r.toy.finish([&](gpu::step_output o) { output = std::move(o); });
  while (r.toy.poll()) {
  }
  EXPECT_TRUE(output.sequences.at(0).dropped);
  EXPECT_NE(kv::slice_of((*r.table)[0], r.toy.geometry(), 0)[0], std::byte{0x5a});
  EXPECT_EQ(kv::slice_of((*r.table)[0], r.toy.geometry(), 1)[0], std::byte{0x5a});
}

TEST(ToyBackend, FaultsEndWhereABackendsDo) {
  toy_run r;
  r.toy.faults.layers_fail = 1;
  EXPECT_EQ(r.run({.sequences = {r.step({1}, 0)}, .ends = {}}).error, "toy: a layer failed");
  r.toy.faults.logits_break = 1;
  auto output = r.run({.sequences = {r.step({1}, 0)}, .ends = {}});
  EXPECT_EQ(output.error, "");
  EXPECT_NE(output.sequences.at(0).error, "");
  r.toy.faults.begins_throw = 1;
  EXPECT_THROW(r.toy.begin({}), std::runtime_error);
  EXPECT_EQ(r.run({.sequences = {r.step({1}, 0)}, .ends = {}}).sequences.at(0).tokens.size(), 1u);
}

TEST(ToyBackend, OneThatOrdersLoadsWaitsForThemInItsQueue) {
  toy_run r{{.orders_loads = true}};
  gpu::fence_source load;
  bool ended = false;
  r.toy.begin({.sequences = {r.step({1}, 0)}, .ends = {}});
  std::vector<gpu::fence> after{load.get()};
  auto written = r.toy.run_layer(0, after);
  for (std::uint32_t layer = 1; layer < r.toy.geometry().layers; ++layer) r.toy.run_layer(layer, {});
  r.toy.finish([&](const gpu::step_output&) { ended = true; });
  EXPECT_FALSE(r.toy.poll());
  EXPECT_TRUE(r.toy.busy());
  load.pass();
  EXPECT_TRUE(r.toy.poll());
  EXPECT_TRUE(written.passed());
  EXPECT_FALSE(ended);
  while (r.toy.poll()) {
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace chromatin::test
