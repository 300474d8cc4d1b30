#include "model/unbuilt.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace chromatin::model {
namespace {

using nlohmann::json;

struct neutral_key {
  std::string_view key;
  std::initializer_list<json> neutral;  ///< beside null
};

void check(const json_node& config, std::initializer_list<neutral_key> keys, std::string_view way_out = {}) {
  for (const auto& [key, neutral] : keys)
    if (config.has(key))
      if (auto value = config.at(key).value; std::find(neutral.begin(), neutral.end(), value) == neutral.end())
        config.refuse(fmt::format("{} is not supported: {}{}", key, shown(value), way_out));
}

void check_quantisation(const json_node& config) {
  check(config, {{"quantization_config", {}}, {"quantization", {}}, {"compression_config", {}}},
        "; take the checkpoint before it was quantised (bf16, f16 or f32); --weights int8 makes it small");
}

void check_feed_forward(const json_node& config) {
  for (auto key : {"hidden_act", "hidden_activation", "activation_function"})
    if (auto act = config.text(key, "silu"); act != "silu" && act != "swish")  // two names of one function
      config.refuse(fmt::format("\"{}\": activation {} is not known; known: silu", key, act));
  check(config, {{"mlp_bias", {false}},
                 {"num_experts", {0}},
                 {"num_local_experts", {0}},
                 {"n_routed_experts", {0}},
                 {"moe_num_experts", {0}},
                 {"parallel_residual", {false}},
                 {"use_parallel_residual", {false}}});
}

void check_attention(const json_node& config, std::string_view architecture) {
  if (architecture == "Qwen2ForCausalLM")  // has biases of query, key and value whatever these keys say
    check(config, {{"qkv_bias", {true}}, {"use_qkv_bias", {true}}});
  else
    check(config, {{"attention_bias", {false}}, {"qkv_bias", {false}}, {"use_qkv_bias", {false}}});
  check(config, {{"bias", {false}},
                 {"use_bias", {false}},
                 {"o_bias", {false}},
                 {"attention_out_bias", {false}},
                 {"lm_head_bias", {false}},
                 {"qk_norm", {false}},
                 {"use_qk_norm", {false}},
                 {"qk_layernorm", {false}},
                 {"use_qk_layernorm", {false}},
                 {"clip_qkv", {}},
                 {"attn_logit_softcapping", {}},
                 {"attn_logit_softcap", {}},
                 {"query_pre_attn_scalar", {}},
                 {"attention_multiplier", {}},
                 {"attention_chunk_size", {}},
                 {"attn_temperature_tuning", {false, 0}},
                 {"kv_lora_rank", {0}},
                 {"q_lora_rank", {0}},
                 {"num_kv_shared_layers", {0}},
                 {"cla_share_factor", {0, 1}},
                 {"block_configs", {}},
                 {"is_causal", {true}},
                 {"use_bidirectional_attention", {false}},
                 {"is_encoder_decoder", {false}},
                 {"add_cross_attention", {false}}});
}

void check_positions(const json_node& config) {
  check(config, {{"position_embedding_type", {"rope", "rotary"}},
                 {"alibi", {false}},
                 {"use_alibi", {false}},
                 {"partial_rotary_factor", {1}},
                 {"rotary_pct", {1}},
                 {"rotary_percent", {1}},
                 {"rope_pct", {1}},
                 {"rope_interleaved", {false}},
                 {"no_rope_layers", {}},
                 {"no_rope_layer_interval", {0}},
                 {"nope_layer_interval", {0}}});
}

void check_scales(const json_node& config) {
  check(config, {{"norm_type", {"rms_norm", "rmsnorm", "RMSNorm"}},
                 {"final_logit_softcapping", {}},
                 {"final_logit_softcap", {}},
                 {"logits_soft_cap", {}},
                 {"logit_scale", {1}},
                 {"logits_scaling", {1}},
                 {"embedding_multiplier", {1}},
                 {"embedding_scale", {1}},
                 {"residual_multiplier", {1}},
                 {"scale_emb", {1}},
                 {"scale_depth", {}},
                 {"dim_model_base", {}}});
}

}  // namespace

void refuse_unbuilt(const json_node& config, std::string_view architecture) {
  check_quantisation(config);
  check_feed_forward(config);
  check_attention(config, architecture);
  check_positions(config);
  check_scales(config);
}

void refuse_sliding(const json_node& config, std::string_view architecture, std::uint32_t context,
                    std::uint32_t layers) {
  bool listed = config.has("layer_types"), listed_sliding = false;
  if (listed)
    for (const auto& type : config.list("layer_types")) {
      if (type != "full_attention" && type != "sliding_attention")
        config.refuse(fmt::format("\"layer_types\": {} is not supported; supported: full_attention", type.dump()));
      listed_sliding = listed_sliding || type == "sliding_attention";
    }
  bool slides = true;
  if (architecture == "Qwen2ForCausalLM")  // where layers are not listed, the first `max_window_layers` do not slide
    slides = listed ? listed_sliding
                    : config.flag("use_sliding_window", false) &&
                          config.number("max_window_layers", 0, 1u << 20, 0) < layers;
  if (!config.has("sliding_window")) {
    if (listed_sliding) config.refuse("\"layer_types\" names sliding_attention, but \"sliding_window\" is missing");
    return;
  }
  auto window = config.number("sliding_window", 1, 1u << 30);
  if (slides && window < context)
    config.refuse(
        fmt::format("\"sliding_window\": a sliding window of {} tokens in a context of {} is not supported; set "
                    "\"max_position_embeddings\" to {} (or --context {}) to use the model within its window",
                    window, context, window, window));
}

}  // namespace chromatin::model
