#include "model/checkpoint_config.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "model/architectures.hpp"

namespace chromatin::model {
namespace {

using nlohmann::ordered_json;

/// The tokens that begin and end texts, as the made tokenizers have them.
void add_special_tokens(const checkpoint_shape& shape, ordered_json& config) {
  auto control = shape.first_control;
  switch (shape.family) {
    case model_family::llama:
    case model_family::mistral:
      config["bos_token_id"] = 1;
      config["eos_token_id"] = 2;
      break;
    case model_family::llama3:
      config["bos_token_id"] = control;
      config["eos_token_id"] = {control + 1, control + 8, control + 9};
      break;
    case model_family::qwen2:
      config["bos_token_id"] = control;
      config["eos_token_id"] = control + 2;
      break;
  }
}

std::string architecture_name(const checkpoint_shape& shape) {
  if (!shape.architecture.empty()) return shape.architecture;
  switch (shape.family) {
    case model_family::qwen2:
      return "Qwen2ForCausalLM";
    case model_family::mistral:
      return "MistralForCausalLM";
    case model_family::llama:
    case model_family::llama3:
      break;
  }
  return "LlamaForCausalLM";
}

ordered_json scaling_of(const rope_scaling& s) {
  if (s.type == rope_scaling::kind::longrope)
    return {{"type", "longrope"}, {"short_factor", s.short_factors}, {"long_factor", s.long_factors}};
  if (s.type == rope_scaling::kind::linear) return {{"rope_type", "linear"}, {"factor", s.factor}};
  return {{"rope_type", "llama3"},
          {"factor", s.factor},
          {"low_freq_factor", s.low_frequency_factor},
          {"high_freq_factor", s.high_frequency_factor},
          {"original_max_position_embeddings", s.original_context}};
}

/// What some layers do and others do not.
void add_layers(const config& c, const architecture& of, ordered_json& to) {
  auto window = std::max_element(c.per_layer.begin(), c.per_layer.end(),
                                 [](const auto& a, const auto& b) { return a.window < b.window; });
  if (window != c.per_layer.end() && window->window > 0) {
    to["sliding_window"] = window->window;
    if (of.slides == architecture::sliding::from_a_layer) to["use_sliding_window"] = true;
    auto types = ordered_json::array();
    for (const auto& layer : c.per_layer) types.push_back(layer.window > 0 ? "sliding_attention" : "full_attention");
    if (of.slides != architecture::sliding::all) to["layer_types"] = types;
  }
  if (!of.skipped_positions) return;
  auto rotates = ordered_json::array();
  for (const auto& layer : c.per_layer) rotates.push_back(layer.rotates ? 1 : 0);
  to["no_rope_layers"] = rotates;
}

void add_traits(const config& c, const architecture& of, ordered_json& to) {
  add_layers(c, of, to);
  if (of.gemma) to["hidden_activation"] = "gelu_pytorch_tanh";
  if (of.query_scale) to["query_pre_attn_scalar"] = std::round(1 / (c.attention_scale * c.attention_scale));
  if (of.soft_caps && c.attention_soft_cap > 0) to["attn_logit_softcapping"] = c.attention_soft_cap;
  if (of.soft_caps && c.logit_soft_cap > 0) to["final_logit_softcapping"] = c.logit_soft_cap;
  if (of.local_rope) to["rope_local_base_freq"] = c.local_rope_theta;
  if (of.partial_rotary && c.rotary_dim > 0)
    to["partial_rotary_factor"] = static_cast<double>(c.rotary_dim) / c.head_dim;
  if (c.scaling.type == rope_scaling::kind::longrope)
    to["original_max_position_embeddings"] = c.scaling.original_context;
  if (of.multipliers) {
    to["embedding_multiplier"] = c.embedding_scale;
    to["residual_multiplier"] = c.residual_scale;
    to["attention_multiplier"] = c.attention_scale;
    to["logits_scaling"] = 1 / c.logit_scale;
  }
  if (of.experts) {
    to["num_experts"] = c.experts;
    to["num_experts_per_tok"] = c.experts_per_token;
    to["moe_intermediate_size"] = c.ffn;
    to["norm_topk_prob"] = c.normalised_experts;
    for (std::uint32_t l = 0; l < c.per_layer.size(); ++l)
      if (c.per_layer[l].dense) to["mlp_only_layers"].push_back(l);
  }
}

}  // namespace

std::string config_text(const checkpoint_shape& shape) {
  const auto& c = shape.config;
  auto name = architecture_name(shape);
  const auto& of = find_architecture(name);
  ordered_json config{{"architectures", {name}},
                      {"model_type", of.type},
                      {"hidden_size", c.hidden},
                      {"num_hidden_layers", c.layers},
                      {"num_attention_heads", c.heads},
                      {"num_key_value_heads", c.kv_heads},
                      {"intermediate_size", c.dense_ffn > 0 ? c.dense_ffn : c.ffn},
                      {"vocab_size", c.vocabulary},
                      {"max_position_embeddings", c.context},
                      {"rms_norm_eps", c.rms_norm_eps},
                      {"rope_theta", c.rope_theta},
                      {"hidden_act", of.gemma ? "gelu_pytorch_tanh" : "silu"},
                      {"tie_word_embeddings", c.tied_embeddings},
                      {"torch_dtype", "bfloat16"}};
  if (c.head_dim != (of.head_dim ? of.head_dim : c.hidden / c.heads)) config["head_dim"] = c.head_dim;
  if (c.scaling.type != rope_scaling::kind::none) config["rope_scaling"] = scaling_of(c.scaling);
  add_traits(c, of, config);
  add_special_tokens(shape, config);
  return config.dump(2) + "\n";
}

}  // namespace chromatin::model
