#pragma once

/// One layer's weights as the CPU backend multiplies them: what reads the same input is one matrix.

#include <vector>

#include "gpu/cpu/packed_matrix.hpp"
#include "model/checkpoint.hpp"

namespace chromatin::gpu {

struct layer_weights {
  std::vector<float> attention_norm, ffn_norm;
  std::vector<float> qkv_bias;  ///< empty where the model has none
  packed_matrix qkv, output, gate_up, down;

  layer_weights(const model::checkpoint& checkpoint, std::uint32_t layer, matrix_options options);
};

/// A tensor of one dimension.
std::vector<float> vector_of(const model::weights& w, const std::string& name);

}  // namespace chromatin::gpu
