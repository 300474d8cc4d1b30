#pragma once

/// A checkpoint's weights in a device: bf16 matrices as checkpoints have them, what reads the same input one after the
/// other, and vectors in float.

#include <vector>

#include "gpu/cuda/device_array.hpp"
#include "model/checkpoint.hpp"

namespace chromatin::gpu::cuda {

struct device_layer {
  device_array<float> attention_norm, ffn_norm;
  device_array<float> qkv_bias;  ///< empty where the model has none
  device_array<std::uint16_t> qkv, output, gate_up, down;
};

struct device_weights {
  /// Uploads; waits. Throws std::bad_alloc when the device has no room.
  device_weights(const model::checkpoint& checkpoint, runtime& on);

  const std::uint16_t* head() const { return own_head_.data() ? own_head_.data() : embedding.data(); }
  std::uint64_t bytes() const;

  device_array<std::uint16_t> embedding;
  std::vector<device_layer> layers;
  device_array<float> final_norm;
  device_array<float> cosines, sines;  ///< [position][head_dim / 2]

 private:
  device_array<std::uint16_t> own_head_;  ///< empty where the head is the embedding
};

}  // namespace chromatin::gpu::cuda
