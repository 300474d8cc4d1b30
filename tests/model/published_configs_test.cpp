// Configs as they are published with models that people have: what is understood of each.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/config_json.hpp"
#include "tests/model/load_reason.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

json config_of(const char* text) {
  auto config = json::parse(text);
  for (auto key : {"torch_dtype", "transformers_version", "initializer_range", "use_cache"}) config[key] = "any";
  return config;
}

config understood(const json& published, std::uint32_t context = 4096) {
  return parse_config(published, "config.json", context);
}

std::string reason_against(const json& published) {
  return load_reason([&] { understood(published); });
}

std::vector<std::uint32_t> layers_that(const config& c, bool (*do_it)(const layer_traits&)) {
  std::vector<std::uint32_t> all;
  for (std::uint32_t l = 0; l < c.layers; ++l)
    if (do_it(c.traits_of(l))) all.push_back(l);
  return all;
}

TEST(PublishedConfig, OfQwen3) {
  auto c = understood(config_of(R"({"architectures": ["Qwen3ForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
    "hidden_size": 1024, "intermediate_size": 3072, "max_position_embeddings": 40960, "max_window_layers": 28,
    "model_type": "qwen3", "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8,
    "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 1000000, "sliding_window": null,
    "tie_word_embeddings": true, "use_sliding_window": false, "vocab_size": 151936})"));
  EXPECT_THAT(traits_beyond_llama(c), ElementsAre("norms of queries and keys"));
  EXPECT_EQ(c.head_dim, 128u);
  EXPECT_THAT(c.unknown_keys, IsEmpty());
}

TEST(PublishedConfig, OfQwen3WithExperts) {
  auto config = config_of(R"({"architectures": ["Qwen3MoeForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "decoder_sparse_step": 1, "head_dim": 128, "hidden_act": "silu", "hidden_size": 2048,
    "intermediate_size": 6144, "max_position_embeddings": 40960, "max_window_layers": 48, "mlp_only_layers": [],
    "model_type": "qwen3_moe", "moe_intermediate_size": 768, "norm_topk_prob": true, "num_attention_heads": 32,
    "num_experts": 128, "num_experts_per_tok": 8, "num_hidden_layers": 48, "num_key_value_heads": 4,
    "output_router_logits": false, "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 1000000.0,
    "router_aux_loss_coef": 0.001, "sliding_window": null, "tie_word_embeddings": false, "use_sliding_window": false,
    "vocab_size": 151936})");
  auto c = understood(config);
  EXPECT_THAT(traits_beyond_llama(c), ElementsAre("experts", "norms of queries and keys"));
  EXPECT_EQ(c.ffn, 768u);
  EXPECT_TRUE(c.normalised_experts);
  EXPECT_THAT(c.unknown_keys, IsEmpty());
  const std::pair<const char*, json> bad[]{{"num_experts", 0},           {"num_experts", nullptr},
                                           {"num_experts_per_tok", 0},   {"num_experts_per_tok", 129},
                                           {"decoder_sparse_step", 0},   {"mlp_only_layers", {48}},
                                           {"mlp_only_layers", {-1}},    {"mlp_only_layers", "all"},
                                           {"moe_intermediate_size", 0}, {"moe_intermediate_size", 7}};
  for (const auto& [key, value] : bad) {
    auto spoilt = config;
    spoilt[key] = value;
    EXPECT_THAT(reason_against(spoilt), testing::AllOf(HasSubstr("config.json"), HasSubstr(key)));
  }
}

TEST(PublishedConfig, OfQwen3WithExpertsInSomeLayers) {
  auto config = config_of(R"({"architectures": ["Qwen3MoeForCausalLM"], "hidden_size": 64, "intermediate_size": 192,
    "max_position_embeddings": 4096, "model_type": "qwen3_moe", "moe_intermediate_size": 48, "num_attention_heads": 4,
    "num_experts": 8, "num_experts_per_tok": 2, "num_hidden_layers": 6, "vocab_size": 512})");
  auto dense = [](const layer_traits& l) { return l.dense; };
  EXPECT_THAT(layers_that(understood(config), dense), IsEmpty()) << "every layer, where no key says otherwise";
  config["decoder_sparse_step"] = 3;
  EXPECT_THAT(layers_that(understood(config), dense), ElementsAre(0, 1, 3, 4));
  config["mlp_only_layers"] = {2u};
  auto c = understood(config);
  EXPECT_THAT(layers_that(c, dense), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(c.ffn_of(5), 48u);
  EXPECT_EQ(c.ffn_of(0), 192u);
  config.erase("intermediate_size");
  EXPECT_THAT(reason_against(config), HasSubstr("intermediate_size"));
}

TEST(PublishedConfig, OfSmolLm3) {
  auto config = config_of(R"({"architectures": ["SmolLM3ForCausalLM"], "attention_bias": false,
    "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 11008, "max_position_embeddings": 65536,
    "max_window_layers": 28, "mlp_bias": false, "model_type": "smollm3", "no_rope_layer_interval": 4,
    "no_rope_layers": [1, 1, 1, 0, 1, 1, 1, 0], "num_attention_heads": 16, "num_hidden_layers": 8,
    "num_key_value_heads": 4, "pretraining_tp": 2, "rms_norm_eps": 1e-06, "rope_scaling": null,
    "rope_theta": 5000000.0, "sliding_window": null, "use_sliding_window": false, "vocab_size": 128256})");
  auto without_positions = [](const layer_traits& l) { return !l.rotates; };
  auto c = understood(config);
  EXPECT_THAT(layers_that(c, without_positions), ElementsAre(3, 7));
  EXPECT_TRUE(c.tied_embeddings) << "what transformers takes where the key is absent";
  EXPECT_THAT(c.unknown_keys, IsEmpty());
  config["no_rope_layers"] = nullptr;
  EXPECT_THAT(layers_that(understood(config), without_positions), ElementsAre(3, 7));
  config["no_rope_layers"] = {1, 0};
  EXPECT_THAT(reason_against(config), HasSubstr("\"no_rope_layers\" has 2 entries, the model 8 layers"));
}

TEST(PublishedConfig, OfGranite) {
  auto c = understood(config_of(R"({"architectures": ["GraniteForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.1, "attention_multiplier": 0.015625, "embedding_multiplier": 12.0, "hidden_act": "silu",
    "hidden_size": 2048, "intermediate_size": 8192, "logits_scaling": 8.0, "max_position_embeddings": 131072,
    "mlp_bias": false, "model_type": "granite", "num_attention_heads": 32, "num_hidden_layers": 40,
    "num_key_value_heads": 8, "residual_multiplier": 0.22, "rms_norm_eps": 1e-05, "rope_scaling": null,
    "rope_theta": 10000000.0, "tie_word_embeddings": true, "vocab_size": 49155})"));
  EXPECT_EQ(c.attention_scale, 0.015625f);
  EXPECT_EQ(c.logit_scale, 0.125f);
  EXPECT_EQ(c.residual_scale, 0.22f);
  EXPECT_EQ(c.embedding_scale, 12.0f);
  EXPECT_THAT(c.unknown_keys, IsEmpty());
}

TEST(PublishedConfig, OfPhi4Mini) {
  auto config = config_of(R"({"architectures": ["Phi3ForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "auto_map": {}, "embd_pdrop": 0.0, "hidden_act": "silu", "hidden_size": 3072,
    "intermediate_size": 8192, "interpolation_factor": 1, "lm_head_bias": false, "max_position_embeddings": 131072,
    "mlp_bias": false, "model_type": "phi3", "num_attention_heads": 24, "num_hidden_layers": 32,
    "num_key_value_heads": 8, "original_max_position_embeddings": 4096, "partial_rotary_factor": 0.75,
    "resid_pdrop": 0.0, "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 262144,
    "tie_word_embeddings": true, "vocab_size": 200064})");
  config["rope_scaling"] = {{"type", "longrope"}, {"short_factor", json::array()}, {"long_factor", json::array()}};
  for (int i = 0; i < 48; ++i) {
    config["rope_scaling"]["short_factor"].push_back(1.0);
    config["rope_scaling"]["long_factor"].push_back(1.0 + i);
  }
  auto c = understood(config);
  EXPECT_EQ(c.rotary_dim, 96u);
  EXPECT_EQ(c.scaling.factor, 32.0f);
  EXPECT_EQ(c.scaling.original_context, 4096u);
  EXPECT_THAT(traits_beyond_llama(c), ElementsAre("fused projections", "positions in a part of each head"));
  EXPECT_THAT(c.unknown_keys, ElementsAre("interpolation_factor"));
  config["partial_rotary_factor"] = 0.5;
  EXPECT_THAT(reason_against(config), HasSubstr("\"short_factor\" has 48 entries, a head 32 pairs"));
}

TEST(PublishedConfig, OfGemma2) {
  auto c = understood(config_of(R"({"architectures": ["Gemma2ForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "attn_logit_softcapping": 50.0, "bos_token_id": 2, "cache_implementation": "hybrid",
    "eos_token_id": [1, 107], "final_logit_softcapping": 30.0, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2304, "intermediate_size": 9216,
    "max_position_embeddings": 8192, "model_type": "gemma2", "num_attention_heads": 8, "num_hidden_layers": 4,
    "num_key_value_heads": 4, "pad_token_id": 0, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06,
    "rope_theta": 10000.0, "sliding_window": 4096, "vocab_size": 256000})"));
  EXPECT_THAT(layers_that(c, [](const layer_traits& l) { return l.window == 4096; }), ElementsAre(0, 2));
  EXPECT_EQ(c.attention_soft_cap, 50.0f);
  EXPECT_EQ(c.embedding_scale, 48.0f);
  EXPECT_TRUE(c.tied_embeddings);
  EXPECT_THAT(c.unknown_keys, IsEmpty());
}

TEST(PublishedConfig, OfGemma3) {
  auto config = config_of(R"({"architectures": ["Gemma3ForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "attn_logit_softcapping": null, "bos_token_id": 2, "cache_implementation": "hybrid",
    "eos_token_id": [1, 106], "final_logit_softcapping": null, "head_dim": 256,
    "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 1152, "intermediate_size": 6912,
    "max_position_embeddings": 32768, "model_type": "gemma3_text", "num_attention_heads": 4, "num_hidden_layers": 8,
    "num_key_value_heads": 1, "pad_token_id": 0, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06,
    "rope_local_base_freq": 10000, "rope_scaling": null, "rope_theta": 1000000, "sliding_window": 512,
    "sliding_window_pattern": 6, "vocab_size": 262144})");
  auto c = understood(config);
  EXPECT_THAT(layers_that(c, [](const layer_traits& l) { return l.window == 0; }), ElementsAre(5));
  EXPECT_THAT(layers_that(c, [](const layer_traits& l) { return !l.local_rope; }), ElementsAre(5));
  EXPECT_EQ(c.local_rope_theta, 10000.0f);
  EXPECT_EQ(c.rope_theta, 1e6f);
  EXPECT_EQ(c.attention_soft_cap, 0.0f) << "null is none";
  EXPECT_THAT(c.unknown_keys, IsEmpty());
  config["architectures"] = {"Gemma3ForConditionalGeneration"};
  EXPECT_THAT(reason_against(config), HasSubstr("architecture Gemma3ForConditionalGeneration is not known"));
}

TEST(PublishedConfig, KeysThatNobodyKnowsAreListed) {
  auto config = config_of(R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 96, "vocab_size": 500, "max_position_embeddings": 512})");
  config.update({{"shiny", 1}, {"dull", nullptr}, {"_attn", "eager"}, {"brand_new", {1, 2}}});
  EXPECT_THAT(understood(config).unknown_keys, ElementsAre("brand_new", "shiny"));
  config["dim\x1b[2J\n"] = 1;  // as JSON writes it: the list is for a terminal
  EXPECT_THAT(understood(config).unknown_keys, ElementsAre("brand_new", R"("dim\u001b[2J\n")", "shiny"));
}

}  // namespace
}  // namespace chromatin::model
