// Every architecture in the situations of a conversation, against the reference of tests/gpu/reference_model.*: turns
// over pages that an earlier one wrote, several sequences in a batch, a window that was cut and moved, 8-bit weights.

#include <cmath>
#include <fstream>
#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "model/make_checkpoint.hpp"
#include "tests/gpu/reference_model.hpp"
#include "tests/gpu/sequence.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::gpu {
namespace {

constexpr double traits_tolerance = 3e-4;

class Traits : public testing::TestWithParam<const char*> {
 protected:
  Traits() {
    model::make_checkpoint(GetParam(), 3, folder_ / "model", CHROMATIN_SOURCE_DIR "/assets/concierge");
    checkpoint_ = model::checkpoint::open(folder_ / "model");
    reference_ = std::make_unique<reference_model>(folder_ / "model");
  }

  std::unique_ptr<backend> make(bool int8 = false) const {
    return make_cpu_backend(checkpoint_, {.compute = kv::dtype::f32,
                                          .weights = int8 ? model::weight_kind::int8 : model::weight_kind::stored,
                                          .threads = 2});
  }
  token_list random_tokens(std::size_t count, unsigned seed) const {
    std::mt19937 random{seed};
    std::uniform_int_distribution<kv::token_id> token{0, 499};
    token_list all(count);
    for (auto& t : all) t = token(random);
    return all;
  }
  static void expect_equal(std::span<const float> logits, const reference_model::vector& expected) {
    ASSERT_GE(logits.size(), expected.size());
    double error = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) error = std::max(error, std::abs(logits[i] - expected[i]));
    EXPECT_LT(error, traits_tolerance);
  }

  test::temporary_folder folder_;
  std::shared_ptr<const model::checkpoint> checkpoint_;
  std::unique_ptr<reference_model> reference_;
};

TEST_P(Traits, ABatchOfPrefillAndDecodeIsEachSequenceByItself) {
  auto b = make();
  auto one = random_tokens(90, 1), other = random_tokens(70, 2);
  sequence first{*b}, second{*b};
  run(*b, {first.next({one.begin(), one.end() - 1})});
  auto logits = run(*b, {first.next({one.back()}), second.next(other)});
  expect_equal(logits, reference_->run(one).back());
  expect_equal(std::span{logits}.subspan(512), reference_->run(other).back());
}

TEST_P(Traits, HalfAWindowThatMovedIsRotatedForItsNewPlace) {
  auto b = make();
  auto said = random_tokens(250, 3), more = random_tokens(30, 4);
  auto cache = reference_->begin();
  reference_->run(said, cache);
  sequence s{*b};
  run(*b, {s.next(said)});
  // The second chunk goes; what saw it stays as it is.
  std::vector<kv::page_ref> pages(s.table->begin(), s.table->end());
  pages.erase(pages.begin() + 1);
  s.set_table(pages);
  s.position -= kv::tokens_per_chunk;
  for (auto& layer : cache)
    for (auto* list : {&layer.keys, &layer.values})
      list->erase(list->begin() + kv::tokens_per_chunk, list->begin() + 2 * kv::tokens_per_chunk);
  expect_equal(run(*b, {s.next(more)}), reference_->run(more, cache).back());
}

TEST_P(Traits, WeightsOf8BitsAreRoundedForEachOutputAndOnlyTheyAre) {
  auto b = make(true);
  reference_->int8 = true;
  auto said = random_tokens(80, 5);
  sequence s{*b};
  expect_equal(run(*b, {s.next(said)}), reference_->run(said).back());
}

INSTANTIATE_TEST_SUITE_P(Kinds, Traits,
                         testing::Values("qwen2-tiny", "qwen3-tiny", "qwen3-moe-tiny", "smollm3-tiny", "granite-tiny",
                                         "phi3-tiny", "gemma2-tiny", "gemma3-tiny"),
                         [](const auto& shape) {
                           std::string name = shape.param;
                           std::erase(name, '-');
                           return name;
                         });

/// A served context decides once for kinds of positions that depend on the length of the text.
class ServedContext : public testing::Test {
 protected:
  void make(const char* shape, const std::function<void(nlohmann::json&)>& edit) {
    model::make_checkpoint(shape, 3, folder_ / "model", CHROMATIN_SOURCE_DIR "/assets/concierge");
    auto file = folder_ / "model" / "config.json";
    auto config = nlohmann::json::parse(std::ifstream{file});
    edit(config);
    std::ofstream{file} << config;
  }
  void expect_reference(std::uint32_t context) {
    reference_model reference{folder_ / "model"};
    reference.served_context = context;
    auto checkpoint = model::checkpoint::open(folder_ / "model", context);
    auto b = make_cpu_backend(checkpoint, {.compute = kv::dtype::f32, .threads = 2});
    token_list said;
    for (kv::token_id t = 0; t < 100; ++t) said.push_back(t * 37 % 500);
    sequence s{*b};
    auto logits = run(*b, {s.next(said)});
    auto expected = reference.run(said).back();
    double error = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) error = std::max(error, std::abs(logits[i] - expected[i]));
    EXPECT_LT(error, traits_tolerance) << "context " << context;
  }
  kv::fingerprint fingerprint(std::uint32_t context) const {
    return model::checkpoint::open(folder_ / "model", context)->fingerprint;
  }
  test::temporary_folder folder_;
};

TEST_F(ServedContext, LongRopeTakesItsShortFactorsWhereNothingLongerIsServed) {
  make("phi3-tiny", [](auto&) {});
  for (std::uint32_t context : {128, 129, 512}) expect_reference(context);
  EXPECT_NE(fingerprint(128), fingerprint(129)) << "cached values of one are wrong for the other";
  EXPECT_EQ(fingerprint(129), fingerprint(512));
}

TEST_F(ServedContext, DynamicStretchingIsThatOfTheServedContext) {
  make("llama3-tiny", [](auto& c) { c["rope_scaling"] = {{"rope_type", "dynamic"}, {"factor", 2.0}}; });
  for (std::uint32_t context : {256, 512, 2048}) expect_reference(context);
  EXPECT_EQ(fingerprint(256), fingerprint(512));
  EXPECT_NE(fingerprint(1024), fingerprint(2048));
}

TEST_F(ServedContext, OfOtherModelsChangesNothingThatIsCached) {
  make("mistral-tiny", [](auto& c) { c["sliding_window"] = 100; });
  EXPECT_EQ(fingerprint(128), fingerprint(512));
}

}  // namespace
}  // namespace chromatin::gpu
