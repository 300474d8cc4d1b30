#include "gpu/cpu/layer_weights.hpp"

#include <fmt/format.h>

namespace chromatin::gpu {
namespace {

std::string tensor_name(std::uint32_t layer, const char* part, const char* kind) {
  return fmt::format("model.layers.{}.{}.{}", layer, part, kind);
}

packed_matrix pack(const model::weights& w, std::uint32_t layer, std::initializer_list<const char*> names,
                   matrix_options options) {
  std::vector<const model::tensor*> parts;
  for (auto name : names) parts.push_back(&w.at(tensor_name(layer, name, "weight")));
  return {parts, options};
}

std::vector<float> biases(const model::checkpoint& c, std::uint32_t layer) {
  std::vector<float> all;
  if (!c.config.attention_bias) return all;
  for (auto name : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}) {
    auto part = vector_of(c.weights, tensor_name(layer, name, "bias"));
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace

std::vector<float> vector_of(const model::weights& w, const std::string& name) {
  const auto& t = w.at(name);
  std::vector<float> values(t.size());
  model::to_f32(t, values);
  return values;
}

layer_weights::layer_weights(const model::checkpoint& c, std::uint32_t layer, matrix_options options)
    : attention_norm{vector_of(c.weights, tensor_name(layer, "input_layernorm", "weight"))},
      ffn_norm{vector_of(c.weights, tensor_name(layer, "post_attention_layernorm", "weight"))},
      qkv_bias{biases(c, layer)},
      qkv{pack(c.weights, layer, {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}, options)},
      output{pack(c.weights, layer, {"self_attn.o_proj"}, options)},
      gate_up{pack(c.weights, layer, {"mlp.gate_proj", "mlp.up_proj"}, options)},
      down{pack(c.weights, layer, {"mlp.down_proj"}, options)} {}

}  // namespace chromatin::gpu
