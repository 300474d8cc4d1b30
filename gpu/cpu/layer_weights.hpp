#pragma once

/// One layer's weights as the CPU backend multiplies them: what reads the same input is one matrix.

#include <memory>
#include <vector>

#include "gpu/cpu/packed_matrix.hpp"
#include "gpu/cpu/weight_packing.hpp"
#include "model/checkpoint.hpp"

namespace chromatin::gpu {

/// What a token goes through behind attention: a layer's only feed-forward block, or one of its experts.
struct feed_forward {
  packed_matrix gate_up, down;
};

/// Vectors are empty where the model has none. Matrices are there with their shapes; their weights are packed later.
struct layer_weights {
  std::vector<float> attention_norm, ffn_norm;
  std::vector<float> attention_output_norm, ffn_output_norm;
  std::vector<float> query_norm, key_norm;  ///< of a head
  std::vector<float> qkv_bias, output_bias;
  packed_matrix qkv, output;
  std::unique_ptr<packed_matrix> router;  ///< set where the layer has experts; never rounded
  std::vector<feed_forward> blocks;       ///< one, or one for each expert

  /// Adds its matrices to what is packed, in the order in which a step needs them, as one part.
  layer_weights(const model::checkpoint& checkpoint, std::uint32_t layer, matrix_options options,
                weight_packing& packing);
  layer_weights(const layer_weights&) = delete;
  layer_weights& operator=(const layer_weights&) = delete;
  /// Every matrix but the router.
  std::vector<const packed_matrix*> matrices() const;
};

/// A tensor of one dimension.
std::vector<float> vector_of(const model::weights& w, const std::string& name);
/// By what a norm multiplies.
std::vector<float> gain_of(const model::checkpoint& checkpoint, const std::string& name);

}  // namespace chromatin::gpu
