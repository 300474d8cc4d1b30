#include "model/unbuilt.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace chromatin::model {
namespace {

using nlohmann::json;

/// Keys that change nothing of what is computed here: training, bookkeeping, and other programs' settings.
constexpr std::string_view remarks[]{"architectures",
                                     "model_type",
                                     "torch_dtype",
                                     "dtype",
                                     "transformers_version",
                                     "transformers.js_config",
                                     "auto_map",
                                     "task_specific_params",
                                     "bos_token_id",
                                     "pad_token_id",
                                     "unk_token_id",
                                     "sep_token_id",
                                     "decoder_start_token_id",
                                     "forced_eos_token_id",
                                     "tokenizer_class",
                                     "chat_template",
                                     "use_cache",
                                     "cache_implementation",
                                     "attn_implementation",
                                     "use_flash_attn",
                                     "output_attentions",
                                     "output_hidden_states",
                                     "output_router_logits",
                                     "return_dict",
                                     "router_aux_loss_coef",
                                     "initializer_range",
                                     "attention_dropout",
                                     "attn_pdrop",
                                     "hidden_dropout",
                                     "resid_pdrop",
                                     "embd_pdrop",
                                     "dropout",
                                     "pretraining_tp",
                                     "gradient_checkpointing",
                                     "is_decoder",
                                     "problem_type",
                                     "id2label",
                                     "label2id",
                                     "max_window_layers",
                                     "use_sliding_window",
                                     "sliding_window_pattern",
                                     "intermediate_size",
                                     "tie_encoder_decoder",
                                     "unsloth_fixed",
                                     "unsloth_version",
                                     "mup_enabled"};

struct neutral_key {
  std::string_view key;
  std::initializer_list<json> neutral;  ///< beside null
};

void check(const json_node& config, std::initializer_list<neutral_key> keys, std::string_view way_out = {}) {
  for (const auto& [key, neutral] : keys)
    if (!config.asked->contains(key) && config.has(key))
      if (auto value = config.at(key).value; std::find(neutral.begin(), neutral.end(), value) == neutral.end())
        config.refuse(fmt::format("{} is not supported: {}{}", key, shown(value), way_out));
}

void check_quantisation(const json_node& config) {
  check(config, {{"quantization_config", {}}, {"quantization", {}}, {"compression_config", {}}},
        "; take the checkpoint before it was quantised (bf16, f16 or f32); --weights int8 makes it small");
}

void check_feed_forward(const json_node& config) {
  check(config, {{"mlp_bias", {false}},
                 {"num_experts", {0}},
                 {"num_local_experts", {0}},
                 {"n_routed_experts", {0}},
                 {"moe_num_experts", {0}},
                 {"parallel_residual", {false}},
                 {"use_parallel_residual", {false}}});
}

void check_attention(const json_node& config) {
  check(config, {{"attention_bias", {false}},
                 {"qkv_bias", {false}},
                 {"use_qkv_bias", {false}},
                 {"bias", {false}},
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

void refuse_unbuilt(const json_node& config) {
  check_quantisation(config);
  check_feed_forward(config);
  check_attention(config);
  check_positions(config);
  check_scales(config);
}

std::vector<std::string> unknown_keys(const json_node& config) {
  auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  std::vector<std::string> unknown;
  for (const auto& [key, value] : config.value.items())
    if (!value.is_null() && !key.starts_with('_') && !config.asked->contains(key) &&
        std::find(std::begin(remarks), std::end(remarks), key) == std::end(remarks))
      unknown.push_back(std::any_of(key.begin(), key.end(), is_control) ? json(key).dump() : key);  // for a terminal
  return unknown;
}

}  // namespace chromatin::model
