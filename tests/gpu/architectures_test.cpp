// Every kind of model, tiny and with random weights, against a reference that is written out in
// tests/gpu/reference_model.*: prefill in pieces, then token by token.

#include <cmath>
#include <fstream>
#include <functional>
#include <map>
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

constexpr std::size_t prompt_tokens = 130, decoded_tokens = 8;
constexpr double f32_tolerance = 2e-4, bf16_tolerance = 0.2;  // of logits that reach from about -5 to 5

/// A model, and what the reference says of it: the same for all tests.
struct verified {
  explicit verified(const architecture& a) {
    model::make_checkpoint(a.shape, 7, folder / "model", CHROMATIN_SOURCE_DIR "/assets/concierge");
    auto file = folder / "model" / "config.json";
    auto config = json::parse(std::ifstream{file});
    if (a.edit) a.edit(config);
    std::ofstream{file} << config;
    checkpoint = model::checkpoint::open(folder / "model");
    std::mt19937 random{7};
    std::uniform_int_distribution<kv::token_id> token{0, checkpoint->config.vocabulary - 1};
    for (std::size_t i = 0; i < prompt_tokens + decoded_tokens; ++i) input.push_back(token(random));
    reference = std::make_unique<reference_model>(folder / "model");
    expected = reference->run(input);
  }

  test::temporary_folder folder;
  std::shared_ptr<const model::checkpoint> checkpoint;
  token_list input;
  std::unique_ptr<reference_model> reference;
  std::vector<reference_model::vector> expected;
};

class Architectures : public testing::TestWithParam<architecture> {
 protected:
  static const verified& one() {
    static std::map<std::string, verified> made;
    auto suite = std::string{testing::UnitTest::GetInstance()->current_test_info()->test_suite_name()};
    return made.try_emplace(suite + GetParam().name, GetParam()).first->second;
  }
  const verified& of_ = one();

  /// The largest difference between the backend's logits and the reference's.
  double largest_error(const cpu_options& options) {
    auto b = make_cpu_backend(of_.checkpoint, options);
    sequence s{*b};
    double error = 0;
    auto step = [&](std::size_t from, std::size_t count) {
      token_list part(of_.input.begin() + static_cast<std::ptrdiff_t>(from),
                      of_.input.begin() + static_cast<std::ptrdiff_t>(from + count));
      auto logits = run(*b, {s.next(part)});
      const auto& right = of_.expected[from + count - 1];
      for (std::size_t i = 0; i < right.size(); ++i) error = std::max(error, std::abs(logits.at(i) - right[i]));
    };
    std::size_t done = 0;
    for (std::size_t piece : {1, 62, 3, 64}) step(std::exchange(done, done + piece), piece);
    for (; done < of_.input.size(); ++done) step(done, 1);
    return error;
  }

  double effect_of_the_mistake() {
    const auto right = of_.reference->config;
    GetParam().mistake(of_.reference->config);
    auto mistaken = of_.reference->run(of_.input).back();
    of_.reference->config = right;
    double effect = 0;
    for (std::size_t i = 0; i < mistaken.size(); ++i)
      effect = std::max(effect, std::abs(of_.expected.back()[i] - mistaken[i]));
    return effect;
  }
};

TEST_P(Architectures, Float32IsTheReference) {
  for (bool deterministic : {false, true})
    EXPECT_LT(largest_error({.compute = kv::dtype::f32, .deterministic = deterministic, .threads = 1}), f32_tolerance);
}

TEST_P(Architectures, Bfloat16IsNearIt) {
  if (best_compute_type() != kv::dtype::bf16) GTEST_SKIP() << "this processor does not multiply bf16";
  for (bool deterministic : {false, true})
    EXPECT_LT(largest_error({.compute = kv::dtype::bf16, .deterministic = deterministic, .threads = 1}),
              bf16_tolerance);
}

TEST_P(Architectures, AMistakeWouldBeSeen) { EXPECT_GT(effect_of_the_mistake(), 1.5 * bf16_tolerance); }

using config_edit = std::function<void(json&)>;

config_edit forget(std::vector<const char*> keys) {
  return [keys = std::move(keys)](json& c) {
    for (auto key : keys) c.erase(key);
  };
}
config_edit set(const char* key, json value) {
  return [=](json& c) { c[key] = value; };
}
config_edit be(const char* name) { return set("architectures", {name}); }
config_edit scale_by(json scaling) { return set("rope_scaling", std::move(scaling)); }
const auto forget_scaling = forget({"rope_scaling"});

/// Gemma 3's positions as transformers 5 writes them.
void write_both_ropes(json& c) {
  c["rope_parameters"] = {{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 1e6}}},
                          {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 500.0}}}};
  for (auto key : {"rope_scaling", "rope_theta", "rope_local_base_freq"}) c.erase(key);
}
void swap_both_ropes(json& c) {
  std::swap(c["rope_parameters"]["full_attention"], c["rope_parameters"]["sliding_attention"]);
}

/// The file lists layers; the reference goes by the pattern.
void name_the_pattern(json& c) {
  c.erase("layer_types");
  c["sliding_window_pattern"] = 3;
}

const json yarn{{"rope_type", "yarn"}, {"factor", 8.0}, {"original_max_position_embeddings", 64}};

INSTANTIATE_TEST_SUITE_P(Llamas, Architectures,
                         testing::Values(architecture{"Qwen2", "qwen2-tiny", nullptr, be("LlamaForCausalLM")},
                                         architecture{"Llama3", "llama3-tiny", nullptr, forget_scaling},
                                         architecture{"Llama3Tied", "llama3-tiny", set("tie_word_embeddings", true),
                                                      set("tie_word_embeddings", false)},
                                         architecture{"Mistral", "mistral-tiny", nullptr, set("rope_theta", 500)}),
                         [](const auto& a) { return a.param.name; });

INSTANTIATE_TEST_SUITE_P(Stretchings, Architectures,
                         testing::Values(architecture{"Linear", "llama3-tiny",
                                                      scale_by({{"type", "linear"}, {"factor", 4}}), forget_scaling},
                                         architecture{"Yarn", "llama3-tiny", scale_by(yarn), forget_scaling},
                                         architecture{"YarnSharpens", "llama3-tiny", scale_by(yarn),
                                                      [](json& c) { c["rope_scaling"]["attention_factor"] = 1; }},
                                         architecture{"YarnIsToldHowMuch", "llama3-tiny",
                                                      [](json& c) {
                                                        scale_by(yarn)(c);
                                                        c["rope_scaling"]["attention_factor"] = 1.5;
                                                      },
                                                      scale_by(yarn)},
                                         architecture{"LongRopeLong", "phi3-tiny", nullptr, forget_scaling},
                                         architecture{"LongRopeShort", "phi3-tiny",
                                                      set("original_max_position_embeddings", 512),
                                                      set("original_max_position_embeddings", 128)}),
                         [](const auto& a) { return a.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Windows, Architectures,
    testing::Values(architecture{"Mistral", "mistral-tiny", set("sliding_window", 100), set("sliding_window", 101)},
                    architecture{"MistralOfAPage", "mistral-tiny", set("sliding_window", 64), set("sliding_window", 1)},
                    architecture{"OfOneToken", "mistral-tiny", set("sliding_window", 1), set("sliding_window", 2)},
                    architecture{"Qwen2", "qwen2-tiny",
                                 [](json& c) {
                                   c["use_sliding_window"] = true;
                                   c["max_window_layers"] = 1;
                                   c["sliding_window"] = 30;
                                 },
                                 set("max_window_layers", 2)}),
    [](const auto& a) { return a.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Families, Architectures,
    testing::Values(architecture{"Qwen3", "qwen3-tiny", nullptr, be("LlamaForCausalLM")},
                    architecture{"Qwen3Moe", "qwen3-moe-tiny", nullptr, set("num_experts_per_tok", 2)},
                    architecture{"Qwen3MoeOfRawShares", "qwen3-moe-tiny", set("norm_topk_prob", false),
                                 set("norm_topk_prob", true)},
                    architecture{"Qwen3MoeWithDenseLayers", "qwen3-sparse-tiny", nullptr,
                                 set("num_experts_per_tok", 1)},
                    architecture{"Qwen3MoeInEveryOtherLayer", "qwen3-sparse-tiny",
                                 [](json& c) {
                                   c.erase("mlp_only_layers");
                                   c["decoder_sparse_step"] = 2;
                                 },
                                 set("num_experts_per_tok", 1)},
                    architecture{"SmolLm3", "smollm3-tiny", nullptr, set("no_rope_layers", {1, 1, 1, 1})},
                    architecture{"Granite", "granite-tiny", nullptr, forget({"embedding_multiplier"})},
                    architecture{"GraniteResidual", "granite-tiny", nullptr, forget({"residual_multiplier"})},
                    architecture{"GraniteAttention", "granite-tiny", nullptr, forget({"attention_multiplier"})},
                    architecture{"GraniteLogits", "granite-tiny", nullptr, forget({"logits_scaling"})},
                    architecture{"Phi3PartOfAHead", "phi3-tiny",
                                 [](json& c) {
                                   c.erase("rope_scaling");
                                   c["partial_rotary_factor"] = 0.5;
                                 },
                                 forget({"partial_rotary_factor"})},
                    architecture{"Gemma2", "gemma2-tiny", nullptr, forget({"attn_logit_softcapping"})},
                    architecture{"Gemma2Logits", "gemma2-tiny", nullptr, forget({"final_logit_softcapping"})},
                    architecture{"Gemma2Window", "gemma2-tiny", nullptr, forget({"sliding_window"})},
                    architecture{"Gemma2QueryScale", "gemma2-tiny", nullptr, set("query_pre_attn_scalar", 256)},
                    architecture{"Gemma3", "gemma3-tiny", name_the_pattern, set("sliding_window_pattern", 2)},
                    architecture{"Gemma3LocalRope", "gemma3-tiny", name_the_pattern, set("rope_local_base_freq", 1e6)},
                    architecture{"Gemma3OfTransformers5", "gemma3-tiny",
                                 [](json& c) {
                                   name_the_pattern(c);
                                   write_both_ropes(c);
                                 },
                                 swap_both_ropes}),
    [](const auto& a) { return a.param.name; });

}  // namespace
}  // namespace chromatin::gpu
