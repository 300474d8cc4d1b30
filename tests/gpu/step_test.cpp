// Steps of the CPU backend beyond plain arithmetic: bursts, sequences that leave, logits and devices that fail.

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "tests/gpu/pages.hpp"
#include "tests/gpu/sequence.hpp"

namespace chromatin::gpu {
namespace {

const cpu_options exact{.compute = kv::dtype::f32, .deterministic = true, .threads = 2};

class Steps : public testing::Test {
 protected:
  static token_list prompt(std::uint32_t first, std::size_t count) {
    token_list all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(first + static_cast<kv::token_id>(i * 37 % 3000));
    return all;
  }
  /// Greedy, one step after the other.
  token_list one_by_one(const token_list& input, std::size_t count) {
    sequence s{*backend_};
    auto answer = run_step(*backend_, {.sequences = {s.sampled(input)}, .ends = {}})[0].tokens;
    while (answer.size() < count)
      answer.push_back(run_step(*backend_, {.sequences = {s.sampled({answer.back()})}, .ends = {}})[0].tokens.at(0));
    return answer;
  }
  step_output end(backend& b) {
    callback<step_output> ended;
    b.finish(ended.take());
    return ended.get();
  }
  /// Runs the layers; calls `between` before each.
  step_output drive(step_batch batch, const std::function<void(std::uint32_t)>& between = {}) {
    backend_->begin(std::move(batch));
    for (std::uint32_t layer = 0; layer < backend_->geometry().layers; ++layer) {
      if (between) between(layer);
      last_ = backend_->run_layer(layer, {});
    }
    return end(*backend_);
  }

  std::unique_ptr<backend> backend_ = make_cpu_backend(concierge(), exact);
  fence last_;  ///< of the last layer
};

TEST_F(Steps, ABurstGivesTheTokensOfSingleSteps) {
  auto a = prompt(300, 70), b = prompt(900, 3);
  auto first = one_by_one(a, 6), second = one_by_one(b, 6);
  sequence s{*backend_}, t{*backend_};
  run_step(*backend_, {.sequences = {s.next(a, false)}, .ends = {}});
  auto head = run_step(*backend_, {.sequences = {t.sampled(b)}, .ends = {}})[0].tokens;
  // Both go on together: the one from its last prompt token again, the other from its first answer token.
  s.position -= 1;
  auto results = run_step(*backend_, {.sequences = {s.sampled({a.back()}), t.sampled(head)}, .steps = 5, .ends = {}});
  EXPECT_EQ(results[0].tokens, token_list(first.begin(), first.begin() + 5));
  EXPECT_EQ(results[1].tokens, token_list(second.begin() + 1, second.end()));
}

TEST_F(Steps, ABurstStopsWhenOneOfItsSequencesEnds) {
  auto input = prompt(300, 70);
  auto answer = one_by_one(input, 8);
  auto end_token = answer[3];
  auto first = std::find(answer.begin(), answer.end(), end_token) - answer.begin();
  sequence s{*backend_};
  auto result = run_step(*backend_, {.sequences = {s.sampled(input)}, .steps = 8, .ends = {end_token}})[0];
  EXPECT_EQ(result.tokens, token_list(answer.begin(), answer.begin() + first + 1));
}

TEST_F(Steps, ADroppedSequenceLeavesTheOthersAsTheyWere) {
  auto a = prompt(300, 20), b = prompt(900, 30), c = prompt(50, 5);
  auto alone_a = one_by_one(a, 1), alone_c = one_by_one(c, 1);
  for (std::uint32_t at : {0u, 1u, 4u}) {
    sequence s{*backend_}, t{*backend_}, u{*backend_};
    auto page = t.table->at(0);
    std::memset(page.writable().data(), 0x11, page.bytes().size());
    auto output = drive({.sequences = {s.sampled(a), t.sampled(b), u.sampled(c)}, .ends = {}}, [&](std::uint32_t l) {
      if (l == at) backend_->drop(1);
    });
    EXPECT_EQ(output.error, "");
    EXPECT_EQ(output.sequences[0].tokens, alone_a);
    EXPECT_EQ(output.sequences[2].tokens, alone_c);
    EXPECT_TRUE(output.sequences[1].dropped);
    EXPECT_TRUE(output.sequences[1].tokens.empty());
    EXPECT_FALSE(output.sequences[0].dropped || output.sequences[2].dropped);
    for (std::uint32_t l = at; l < backend_->geometry().layers; ++l)
      EXPECT_EQ(kv::slice_of(page, backend_->geometry(), l)[0], std::byte{0x11}) << "written after the drop";
  }
}

TEST_F(Steps, AllMayBeDroppedAndTheNextStepIsAsEver) {
  auto a = prompt(300, 20);
  auto alone = one_by_one(a, 1);
  sequence s{*backend_}, t{*backend_};
  auto output = drive({.sequences = {s.sampled(a)}, .steps = 4, .ends = {}}, [&](std::uint32_t l) {
    if (l == 2) backend_->drop(0);
  });
  EXPECT_TRUE(output.sequences.at(0).dropped && output.sequences[0].tokens.empty());
  EXPECT_EQ(run_step(*backend_, {.sequences = {t.sampled(a)}, .ends = {}})[0].tokens, alone);
}

TEST_F(Steps, LogitsThatAreNotFiniteAreTheirSequencesErrorOnly) {
  auto a = prompt(300, 20), b = prompt(900, 30);
  auto alone = one_by_one(a, 2);
  sequence s{*backend_}, t{*backend_};
  run_step(*backend_, {.sequences = {t.next(b, false)}, .ends = {}});
  auto slice = kv::slice_of(t.table->at(0), backend_->geometry(), 3);
  auto nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(slice.data(), &nan, sizeof nan);
  for (std::uint32_t steps : {1u, 2u}) {
    s.position = 0;
    auto results = run_step(*backend_, {.sequences = {s.sampled(a), t.sampled({7})}, .steps = steps, .ends = {}});
    EXPECT_EQ(results[0].error, "");
    EXPECT_EQ(results[0].tokens, token_list{alone[0]});
    EXPECT_TRUE(results[1].tokens.empty());
    EXPECT_NE(results[1].error.find("logits are not finite after 31 tokens"), std::string::npos) << results[1].error;
    t.position = 30;
  }
}

TEST_F(Steps, WhatDoesNotFitIsTheStepsErrorAndTheNextOneIsAsEver) {
  auto a = prompt(300, 20);
  auto alone = one_by_one(a, 1);
  sequence s{*backend_};
  auto too_long = s.next(prompt(1, 65), false);
  too_long.pages = std::make_shared<const std::vector<kv::page_ref>>(1, s.table->at(0));
  auto no_pages = too_long;
  no_pages.pages = nullptr;
  auto no_page = too_long;
  no_page.pages = std::make_shared<const std::vector<kv::page_ref>>(2);
  auto outside = too_long;
  outside.pages = s.table;
  outside.position = concierge()->config.context - 64;
  auto too_many = too_long;
  too_many.tokens = prompt(1, 600);
  too_many.pages = s.table;
  for (const auto& wrong : {too_long, no_pages, no_page, outside, too_many, sequence_step{}}) {
    auto output = drive({.sequences = {wrong}, .ends = {}});
    EXPECT_NE(output.error, "");
    EXPECT_TRUE(last_.failed());
    s.position = 0;
    EXPECT_EQ(run_step(*backend_, {.sequences = {s.sampled(a)}, .ends = {}})[0].tokens, alone);
  }
}

TEST_F(Steps, ALayersFencePassesWhenItsSlicesAreWritten) {
  auto a = prompt(300, 64);
  sequence s{*backend_};
  for (const auto& page : *s.table) std::memset(page.writable().data(), 0, page.bytes().size());
  auto host = backend_->make_arena(1)->try_allocate();
  std::vector<callback<copy_result>> saved(backend_->geometry().layers);
  backend_->begin({.sequences = {s.next(a, false)}, .ends = {}});
  for (std::uint32_t layer = 0; layer < backend_->geometry().layers; ++layer) {
    auto written = backend_->run_layer(layer, {});
    backend_->copies().out({{s.table->at(0), layer, 64, host, {}}}, written, saved[layer].take());
  }
  end(*backend_);
  for (std::uint32_t layer = 0; layer < saved.size(); ++layer) {
    auto result = saved[layer].get();
    ASSERT_EQ(result.error, copy_error::none);
    auto slice = kv::slice_of(s.table->at(0), backend_->geometry(), layer);
    EXPECT_EQ(result.checksums.at(0), kv::checksum(slice)) << layer;
  }
}

TEST_F(Steps, PagesAreGivenBackBeforeAnybodyHearsOfTheEnd) {
  auto arena = backend_->make_arena(2);
  auto table = std::make_shared<const std::vector<kv::page_ref>>(1, arena->try_allocate());
  backend_->begin({.sequences = {{.tokens = {5, 6}, .pages = std::move(table)}}, .ends = {}});
  for (std::uint32_t layer = 0; layer < backend_->geometry().layers; ++layer) backend_->run_layer(layer, {});
  callback<std::uint32_t> available;
  backend_->finish([take = available.take(), arena](const step_output&) { take(arena->available()); });
  EXPECT_EQ(available.get(), 2u);
}

TEST_F(Steps, TheNextStepMayBeginFromInsideTheEndOfTheLast) {
  auto a = prompt(300, 20);
  auto alone = one_by_one(a, 2);
  sequence s{*backend_};
  callback<token_list> answer;
  auto layers = backend_->geometry().layers;
  backend_->begin({.sequences = {s.sampled(a)}, .ends = {}});
  for (std::uint32_t layer = 0; layer < layers; ++layer) backend_->run_layer(layer, {});
  backend_->finish([&, take = answer.take()](const step_output& first) {
    auto token = first.sequences[0].tokens.at(0);
    backend_->begin({.sequences = {s.sampled({token})}, .ends = {}});
    for (std::uint32_t layer = 0; layer < layers; ++layer) backend_->run_layer(layer, {});
    backend_->finish([take, token](const step_output& o) { take({token, o.sequences[0].tokens.at(0)}); });
  });
  EXPECT_EQ(answer.get(), alone);
}

using StepsDeathTest = Steps;

TEST_F(StepsDeathTest, LayersComeInOrderAndStepsOneAfterTheOther) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  sequence s{*backend_};
  backend_->begin({.sequences = {s.sampled({1, 2})}, .ends = {}});
  EXPECT_DEATH(backend_->run_layer(1, {}), "layers come in order");
  EXPECT_DEATH(backend_->begin({}), "when the one before has ended");
  fence_source load;
  std::vector<fence> after{load.get()};
  EXPECT_DEATH(backend_->run_layer(0, after), "does not wait for loads");
  for (std::uint32_t layer = 0; layer < backend_->geometry().layers; ++layer) backend_->run_layer(layer, {});
  end(*backend_);
}

}  // namespace
}  // namespace chromatin::gpu
