// A step that comes before all weights are packed waits for each layer that it comes to.

#include <atomic>
#include <chrono>
#include <semaphore>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gpu/sequence.hpp"

namespace chromatin::gpu {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

cpu_options options_with(std::function<void(std::uint32_t)> before_packing, model::weight_kind weights = {}) {
  return {.compute = kv::dtype::f32, .weights = weights, .threads = 2, .before_packing = std::move(before_packing)};
}

const token_list prompt{5, 9, 2, 7, 11, 3};

/// Holds the packing up in front of a layer.
class gate {
 public:
  explicit gate(std::uint32_t layer) : layer_{layer} {}
  std::function<void(std::uint32_t)> hook() {
    return [this](std::uint32_t layer) {
      last_ = layer;
      if (layer == layer_) open_.acquire();
    };
  }
  void open() { open_.release(); }
  std::uint32_t last() const { return last_; }  ///< that packing has come to

 private:
  std::uint32_t layer_;
  std::atomic<std::uint32_t> last_{0};
  std::binary_semaphore open_{0};
};

/// A step whose layers and end are enqueued.
struct running_step {
  std::vector<fence> layers;
  std::binary_semaphore over{0};
  step_output output;

  running_step(backend& b, sequence_step of) {
    step_batch batch{.sequences = {}, .ends = {}};
    batch.sequences.push_back(std::move(of));
    b.begin(std::move(batch));
    for (std::uint32_t l = 0; l < b.geometry().layers; ++l) layers.push_back(b.run_layer(l, {}));
    b.finish([this](step_output o) {
      output = std::move(o);
      over.release();
    });
  }
};

void wait_for(const fence& f) {
  while (!f.over()) std::this_thread::sleep_for(milliseconds{1});
}

class WeightPacking : public testing::TestWithParam<model::weight_kind> {};

TEST_P(WeightPacking, AStepThatComesBeforeTheLastLayerIsPackedAnswersTheSame) {
  auto whole = make_cpu_backend(concierge(), options_with({}, GetParam()));
  sequence in_whole{*whole};
  auto expected = run(*whole, {in_whole.next(prompt)});

  gate second{1};
  auto b = make_cpu_backend(concierge(), options_with(second.hook(), GetParam()));
  sequence s{*b};
  auto began = clock::now();
  running_step step{*b, s.next(prompt)};
  wait_for(step.layers[0]);  // it does not wait for what it needs later
  auto held_since = clock::now();
  std::this_thread::sleep_for(milliseconds{50});
  EXPECT_FALSE(step.layers[1].over()) << "with weights that are not packed";
  auto held = clock::now() - held_since;
  second.open();
  step.over.acquire();
  EXPECT_EQ(step.output.error, "");
  EXPECT_EQ(step.output.sequences.at(0).logits, expected);
  auto all_but_waiting = clock::now() - began - held;
  EXPECT_LE(std::chrono::microseconds{step.output.compute_us}, all_but_waiting) << "waiting is not computing";
  EXPECT_EQ(run(*b, {s.next({4})}), run(*whole, {in_whole.next({4})}));
}

TEST_P(WeightPacking, TheHeadIsWaitedForToo) {
  auto layers = concierge()->config.layers;
  gate head{layers};
  auto b = make_cpu_backend(concierge(), options_with(head.hook(), GetParam()));
  sequence s{*b};
  running_step step{*b, s.next(prompt)};
  wait_for(step.layers.back());
  bool early = step.over.try_acquire_for(milliseconds{50});
  EXPECT_FALSE(early) << "with weights that are not packed";
  head.open();
  if (!early) step.over.acquire();
  EXPECT_EQ(step.output.error, "");
}

INSTANTIATE_TEST_SUITE_P(Kinds, WeightPacking,
                         testing::Values(model::weight_kind::stored, model::weight_kind::int8, model::weight_kind::q4));

TEST(WeightPacking, ARoundingErrorIsToldWhenAllIsPacked) {
  gate second{1};
  auto b = make_cpu_backend(concierge(), options_with(second.hook(), model::weight_kind::q4));
  std::string told;
  std::thread asks{[&] { told = b->description(); }};
  second.open();
  asks.join();
  EXPECT_THAT(told, testing::ContainsRegex("q4 weights .[1-9][0-9]*\\.[0-9]+ % rounding error"));
  EXPECT_EQ(second.last(), concierge()->config.layers);
}

TEST(WeightPacking, WhatFailsIsToldOnceAndFailsEveryStepWithItsReason) {
  std::atomic<int> told{0};
  auto options = options_with([](std::uint32_t layer) {
    if (layer == 1) throw std::runtime_error("no room left");
  });
  options.packing_failed = [&told](const std::string&) { ++told; };
  auto b = make_cpu_backend(concierge(), options);
  for (int i = 0; i < 2; ++i) {
    sequence s{*b};
    running_step step{*b, s.next(prompt)};
    step.over.acquire();
    EXPECT_EQ(step.output.error, "concierge: its weights cannot be packed: no room left");
    EXPECT_TRUE(step.layers[1].failed());
  }
  EXPECT_EQ(told, 1);
}

TEST(WeightPacking, AnEndInMidPackingIsSoonAndWhoWaitsHearsOfIt) {
  gate second{1};
  auto b = make_cpu_backend(concierge(), options_with(second.hook()));
  sequence s{*b};
  running_step step{*b, s.next(prompt)};
  wait_for(step.layers[0]);
  std::thread ends{[&] { b.reset(); }};
  bool heard = step.over.try_acquire_for(std::chrono::seconds{10});
  second.open();
  ends.join();
  ASSERT_TRUE(heard) << "the step waits for what is held up";
  EXPECT_THAT(step.output.error, testing::HasSubstr("the server stops"));
  EXPECT_EQ(second.last(), 1u) << "layers were packed for nobody";
}

}  // namespace
}  // namespace chromatin::gpu
