#pragma once

/// What a model computes: its shape, and the traits in which it differs from LLaMA. Read from a Hugging Face folder's
/// config.json and generation_config.json (model/architectures.hpp has a row for each architecture), or from a GGUF
/// file's metadata. Every trait's default is what LLaMA does.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

/// How rotary positions are stretched over a longer context than the model was first trained on.
struct rope_scaling {
  enum class kind : std::uint8_t { none, linear, dynamic, yarn, longrope, llama3 };
  kind type = kind::none;
  float factor = 1;
  float low_frequency_factor = 1, high_frequency_factor = 4;  ///< of llama3
  std::uint32_t original_context = 0;                         ///< tokens; of all but linear
  float beta_fast = 32, beta_slow = 1;                        ///< of yarn
  bool whole_pairs = true;                                    ///< of yarn: its ramp begins and ends at whole pairs
  float attention_factor = 0;                      ///< of yarn and longrope; 0: the one that follows from `factor`
  std::vector<float> short_factors, long_factors;  ///< of longrope, one for each pair
  bool operator==(const rope_scaling&) const = default;
};

enum class activation : std::uint8_t { silu, gelu_tanh };

/// How the attention of one layer differs from other layers'.
struct layer_traits {
  std::uint32_t window = 0;  ///< tokens that a token sees, itself among them; 0: all before it
  bool rotates = true;       ///< false: queries and keys have no positions
  bool local_rope = false;   ///< positions as `local_rope_theta` and `local_scaling` say
  bool dense = false;        ///< one feed-forward block for all tokens, where other layers have experts
  bool operator==(const layer_traits&) const = default;
};

struct config {
  std::uint32_t layers = 0;
  std::uint32_t hidden = 0;
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;  ///< grouped-query attention: `heads` is a multiple of it
  std::uint32_t head_dim = 0;
  std::uint32_t ffn = 0;        ///< of each expert where there are experts
  std::uint32_t dense_ffn = 0;  ///< of layers without experts, where others have them
  std::uint32_t vocabulary = 0;
  std::uint32_t context = 0;  ///< tokens, as served
  float rms_norm_eps = 1e-5f;
  float rope_theta = 10000.0f;
  rope_scaling scaling;
  bool tied_embeddings = false;
  bool attention_bias = false;              ///< of the query, key and value projections (Qwen2)
  std::vector<kv::token_id> end_of_answer;  ///< any of them ends an answer
  std::uint32_t answer_tokens_default = 0;  ///< generation_config.json's max_new_tokens, 0 if it names none

  // Positions and attention.
  std::uint32_t rotary_dim = 0;         ///< the first values of a head, which rotate; 0: all of them
  float local_rope_theta = 10000.0f;    ///< of layers with a local rope (Gemma 3)
  rope_scaling local_scaling;           ///< of these
  std::vector<layer_traits> per_layer;  ///< one for each layer; empty: all are as LLaMA's
  bool qk_norm = false;                 ///< RMSNorm of every query's and key's head, before positions (Qwen3)
  bool output_bias = false;             ///< of the projection behind attention
  float attention_scale = 0;            ///< of scores; 0: 1 / sqrt(head_dim)
  float attention_soft_cap = 0;         ///< scores become cap · tanh(score / cap); 0: they do not (Gemma 2)

  // What stands between.
  bool gain_plus_one = false;  ///< norms multiply by 1 + their weight (Gemma)
  bool output_norms = false;   ///< attention's and the feed-forward's results are normed, too (Gemma 2)
  float embedding_scale = 1;   ///< of embeddings as they enter the first layer
  float residual_scale = 1;    ///< of what a block adds
  float logit_scale = 1;       ///< of logits
  float logit_soft_cap = 0;    ///< of logits, behind their scale; 0: none
  activation gate = activation::silu;

  // The feed-forward block.
  std::uint32_t experts = 0;  ///< 0: one feed-forward block for all tokens
  std::uint32_t experts_per_token = 0;
  bool normalised_experts = false;  ///< the chosen experts' shares add up to one

  /// How tensors lie in the file: query, key and value, and gate and up, stacked to one each (Phi-3).
  bool fused_projections = false;
  std::vector<std::string> quantised_kinds;  ///< of its weights, where the file has them in blocks
  std::vector<std::string> unknown_keys;     ///< of config.json, for a line at the start

  bool is_end_of_answer(kv::token_id token) const;
  std::uint32_t group() const { return heads / kv_heads; }
  layer_traits traits_of(std::uint32_t layer) const { return per_layer.empty() ? layer_traits{} : per_layer[layer]; }
  bool has_experts(std::uint32_t layer) const { return experts > 0 && !traits_of(layer).dense; }
  std::uint32_t ffn_of(std::uint32_t layer) const { return traits_of(layer).dense ? dense_ffn : ffn; }
  std::uint32_t rotary_values() const { return rotary_dim ? rotary_dim : head_dim; }
  bool has_local_rope() const;
  kv::geometry cache_geometry(kv::dtype type) const { return {layers, kv_heads, head_dim, type}; }
};

/// Names of traits that LLaMA does not have and this model does, as in "soft caps"; empty for LLaMA, Mistral, Qwen2.
/// A backend that computes LLaMA only refuses the others by these names.
std::vector<std::string> traits_beyond_llama(const config& c);

/// Reads and checks the config of what find_model finds: a folder's config.json, or a GGUF file's metadata. Every
/// number is checked, since sizes of buffers follow from it, and what would change the computation and is not built is
/// refused by file and key. `context` overrides the file's number of tokens, unless 0. Throws load_error.
config read_config(const std::filesystem::path& model, std::uint32_t context = 0);

/// The whole file. Throws load_error naming it.
std::string read_file(const std::filesystem::path& file);

}  // namespace chromatin::model
