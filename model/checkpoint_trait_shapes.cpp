// Shapes of models that differ from LLaMA in more than sizes: a tiny one of each architecture, and two to measure.

#include <cmath>

#include "model/checkpoint_shapes.hpp"

namespace chromatin::model {
namespace {

constexpr kv::token_id tiny_control = 500;

/// Three layers, small enough for a reference that is written out in double precision.
config tiny() {
  return {.layers = 3,
          .hidden = 64,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 32,
          .ffn = 96,
          .vocabulary = 512,
          .context = 512};
}

config tiny_gemma() {
  auto c = tiny();
  c.tied_embeddings = c.gain_plus_one = c.output_norms = true;
  c.gate = activation::gelu_tanh;
  c.embedding_scale = std::sqrt(static_cast<float>(c.hidden));
  c.attention_scale = 1 / std::sqrt(24.0f);
  return c;
}

config tiny_gemma2() {
  auto c = tiny_gemma();
  c.attention_soft_cap = 2;  // near enough to zero to be felt
  c.logit_soft_cap = 3;
  c.per_layer = {{.window = 40}, {}, {.window = 40}};
  return c;
}

config tiny_gemma3() {
  auto c = tiny_gemma();
  c.qk_norm = true;
  c.rope_theta = 1e6f;
  c.scaling = {.type = rope_scaling::kind::linear, .factor = 8};
  c.per_layer = {{.window = 70, .local_rope = true}, {.window = 70, .local_rope = true}, {}};
  return c;
}

config tiny_granite() {
  auto c = tiny();
  c.tied_embeddings = true;
  c.embedding_scale = 4;
  c.residual_scale = 0.5f;
  c.attention_scale = 0.125f;
  c.logit_scale = 0.25f;
  return c;
}

config tiny_phi3() {
  auto c = tiny();
  c.heads = 2;  // as wide as the hidden state, which is so in every model of this kind
  c.kv_heads = 1;
  c.fused_projections = true;
  c.rotary_dim = 24;
  c.scaling = {.type = rope_scaling::kind::longrope,
               .factor = 4,
               .original_context = 128,
               .short_factors = {1, 1, 1.1f, 1.1f, 1.2f, 1.2f, 1.3f, 1.3f, 1.4f, 1.4f, 1.5f, 1.5f},
               .long_factors = {1, 1.2f, 1.5f, 1.9f, 2.4f, 3, 3.3f, 3.6f, 4, 4.4f, 4.8f, 5.5f}};
  return c;
}

config tiny_qwen3() {
  auto c = tiny();
  c.rms_norm_eps = 1e-6f;
  c.rope_theta = 1e6f;
  c.qk_norm = true;
  return c;
}

config tiny_qwen3_moe() {
  auto c = tiny_qwen3();
  c.experts = 8;
  c.experts_per_token = 3;
  c.ffn = 48;
  c.normalised_experts = true;
  return c;
}

/// Experts in every other layer, as "decoder_sparse_step" 2 says.
config tiny_qwen3_sparse() {
  auto c = tiny_qwen3_moe();
  c.layers = 4;
  c.dense_ffn = 80;
  c.per_layer = {{.dense = true}, {}, {.dense = true}, {}};
  return c;
}

config tiny_smollm3() {
  auto c = tiny();
  c.layers = 4;
  c.tied_embeddings = true;
  c.per_layer = {{}, {}, {}, {.rotates = false}};
  return c;
}

config qwen3_1_7b() {
  return {.layers = 28,
          .hidden = 2048,
          .heads = 16,
          .kv_heads = 8,
          .head_dim = 128,
          .ffn = 6144,
          .vocabulary = 151936,
          .context = 40960,
          .rms_norm_eps = 1e-6f,
          .rope_theta = 1e6f,
          .tied_embeddings = true,
          .qk_norm = true};
}

/// 8 of 64 experts: about one billion weights of a token.
config experts_1b() {
  return {.layers = 16,
          .hidden = 2048,
          .heads = 16,
          .kv_heads = 4,
          .head_dim = 128,
          .ffn = 1024,
          .vocabulary = 32000,
          .context = 8192,
          .rms_norm_eps = 1e-6f,
          .rope_theta = 1e6f,
          .qk_norm = true,
          .experts = 64,
          .experts_per_token = 8,
          .normalised_experts = true};
}

checkpoint_shape tiny_shape(std::string name, config c, std::string architecture) {
  return {std::move(name), model_family::qwen2, std::move(c), tiny_deviation, tiny_control, std::move(architecture)};
}

}  // namespace

std::vector<checkpoint_shape> trait_shapes() {
  return {tiny_shape("gemma2-tiny", tiny_gemma2(), "Gemma2ForCausalLM"),
          tiny_shape("gemma3-tiny", tiny_gemma3(), "Gemma3ForCausalLM"),
          tiny_shape("granite-tiny", tiny_granite(), "GraniteForCausalLM"),
          tiny_shape("phi3-tiny", tiny_phi3(), "Phi3ForCausalLM"),
          tiny_shape("qwen3-tiny", tiny_qwen3(), "Qwen3ForCausalLM"),
          tiny_shape("qwen3-moe-tiny", tiny_qwen3_moe(), "Qwen3MoeForCausalLM"),
          tiny_shape("qwen3-sparse-tiny", tiny_qwen3_sparse(), "Qwen3MoeForCausalLM"),
          tiny_shape("smollm3-tiny", tiny_smollm3(), "SmolLM3ForCausalLM"),
          {"qwen3-1.7b", model_family::qwen2, qwen3_1_7b(), 0.02f, 151643, "Qwen3ForCausalLM"},
          {"experts-1b", model_family::qwen2, experts_1b(), 0.02f, 31900, "Qwen3MoeForCausalLM"}};
}

}  // namespace chromatin::model
