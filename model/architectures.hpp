#pragma once

/// The architectures that are served: one row each, with what their config.json does not say and which of its keys they
/// read. docs/models.md tells how to add one.

#include <span>
#include <string>

#include "model/config.hpp"
#include "model/json_node.hpp"

namespace chromatin::model {

struct architecture {
  /// Whose weights have biases.
  enum class biases : std::uint8_t { none, of_queries_keys_values, where_attention_bias_says };
  /// Which layers see a window only, where `layer_types` does not list them.
  enum class sliding : std::uint8_t {
    none,
    all,                ///< where "sliding_window" is set
    if_used,            ///< where "use_sliding_window" is set, too
    from_a_layer,       ///< the same, from layer "max_window_layers" on
    without_positions,  ///< the same, layers without positions
    every_other,        ///< the first, the third, …
    by_pattern          ///< all but every "sliding_window_pattern"-th
  };

  std::string_view name, type;   ///< as in "architectures" and "model_type"
  std::uint32_t head_dim = 0;    ///< where the file names none; 0: hidden size divided by heads
  bool tied_embeddings = false;  ///< where the file does not say
  biases bias = biases::none;
  sliding slides = sliding::none;
  std::uint32_t window = 0;  ///< where the file does not have the key; 0: none
  bool qk_norm = false;
  bool gemma = false;         ///< norms multiply by 1 + weight, embeddings by sqrt(hidden size), the gate is GELU
  bool output_norms = false;  ///< norms behind attention and feed-forward
  bool soft_caps = false;     ///< reads "attn_logit_softcapping" and "final_logit_softcapping"
  float attention_cap = 0, logit_cap = 0;  ///< where the file does not have the keys
  bool query_scale = false;                ///< reads "query_pre_attn_scalar"
  bool local_rope = false;                 ///< sliding layers have positions of their own
  bool multipliers = false;                ///< reads Granite's four
  bool skipped_positions = false;          ///< reads "no_rope_layers"
  bool partial_rotary = false;             ///< reads "partial_rotary_factor"
  bool fused_projections = false;
  bool experts = false;
};

std::span<const architecture> architectures();

/// The row of this name. Throws load_error naming the known ones.
const architecture& find_architecture(std::string_view name);

/// The row that a config.json names. Throws load_error for another and where its two names do not belong together.
const architecture& find_architecture(const json_node& config);

/// Reads what is beyond sizes and positions into `c`, whose sizes are known. Throws load_error.
void read_traits(const json_node& config, const architecture& of, struct config& c);

}  // namespace chromatin::model
