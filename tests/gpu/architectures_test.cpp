// Every kind of model, tiny and with random weights, against a reference that is written out in
// tests/gpu/reference_model.*: prefill in pieces, then token by token.

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

using nlohmann::json;

struct architecture {
  const char* name;
  const char* shape;
  std::function<void(json&)> edit;     ///< of config.json
  std::function<void(json&)> mistake;  ///< another model that a wrong backend could be computing
};

void PrintTo(const architecture& a, std::ostream* out) { *out << a.name; }

constexpr std::size_t prompt_tokens = 180, decoded_tokens = 20;
constexpr double f32_tolerance = 2e-4, bf16_tolerance = 0.2;  // of logits that reach from about -5 to 5

class Architectures : public testing::TestWithParam<architecture> {
 protected:
  Architectures() {
    model::make_checkpoint(GetParam().shape, 7, folder_ / "model", CHROMATIN_SOURCE_DIR "/assets/concierge");
    auto file = folder_ / "model" / "config.json";
    auto config = json::parse(std::ifstream{file});
    if (GetParam().edit) GetParam().edit(config);
    std::ofstream{file} << config;
    checkpoint_ = model::checkpoint::open(folder_ / "model");
    std::mt19937 random{7};
    std::uniform_int_distribution<kv::token_id> token{0, checkpoint_->config.vocabulary - 1};
    for (std::size_t i = 0; i < prompt_tokens + decoded_tokens; ++i) input_.push_back(token(random));
    reference_model reference{folder_ / "model"};
    expected_ = reference.run(input_);
    GetParam().mistake(reference.config);
    mistaken_ = reference.run(input_);
  }

  /// The largest difference between the backend's logits and the reference's.
  double largest_error(const cpu_options& options) {
    auto b = make_cpu_backend(checkpoint_, options);
    sequence s{*b};
    double error = 0;
    auto step = [&](std::size_t from, std::size_t count) {
      tokens part(input_.begin() + static_cast<std::ptrdiff_t>(from),
                  input_.begin() + static_cast<std::ptrdiff_t>(from + count));
      auto logits = run(*b, {s.next(part)});
      const auto& right = expected_[from + count - 1];
      for (std::size_t i = 0; i < right.size(); ++i) error = std::max(error, std::abs(logits.at(i) - right[i]));
    };
    std::size_t done = 0;
    for (std::size_t piece : {1, 62, 3, 64, 50}) step(std::exchange(done, done + piece), piece);
    for (; done < input_.size(); ++done) step(done, 1);
    return error;
  }

  double effect_of_the_mistake() const {
    double effect = 0;
    for (std::size_t i = 0; i < expected_.back().size(); ++i)
      effect = std::max(effect, std::abs(expected_.back()[i] - mistaken_.back()[i]));
    return effect;
  }

  test::temporary_folder folder_;
  std::shared_ptr<const model::checkpoint> checkpoint_;
  tokens input_;
  std::vector<reference_model::vector> expected_, mistaken_;
};

TEST_P(Architectures, Float32IsTheReference) {
  for (bool deterministic : {false, true})
    EXPECT_LT(largest_error({.compute = kv::dtype::f32, .deterministic = deterministic, .threads = 2}), f32_tolerance);
}

TEST_P(Architectures, Bfloat16IsNearIt) {
  if (best_compute_type() != kv::dtype::bf16) GTEST_SKIP() << "this processor does not multiply bf16";
  for (bool deterministic : {false, true})
    EXPECT_LT(largest_error({.compute = kv::dtype::bf16, .deterministic = deterministic, .threads = 2}),
              bf16_tolerance);
}

TEST_P(Architectures, AMistakeWouldBeSeen) { EXPECT_GT(effect_of_the_mistake(), 5 * bf16_tolerance); }

void forget_scaling(json& c) { c.erase("rope_scaling"); }
void take_another_theta(json& c) { c["rope_theta"] = 500; }
void forget_bias(json& c) { c["architectures"][0] = "LlamaForCausalLM"; }

INSTANTIATE_TEST_SUITE_P(Kinds, Architectures,
                         testing::Values(architecture{"Qwen2", "qwen2-tiny", nullptr, forget_bias},
                                         architecture{"Llama3", "llama3-tiny", nullptr, forget_scaling},
                                         architecture{"Llama3Tied", "llama3-tiny",
                                                      [](json& c) { c["tie_word_embeddings"] = true; },
                                                      [](json& c) { c["tie_word_embeddings"] = false; }},
                                         architecture{"LinearScaling", "llama3-tiny",
                                                      [](json& c) {
                                                        c["rope_scaling"] = {{"type", "linear"}, {"factor", 4}};
                                                      },
                                                      forget_scaling},
                                         architecture{"Mistral", "mistral-tiny", nullptr, take_another_theta}),
                         [](const auto& a) { return a.param.name; });

}  // namespace
}  // namespace chromatin::gpu
