#include "gpu/cuda/device_weights.hpp"

#include <fmt/format.h>

#include "gpu/cuda/upload.hpp"
#include "model/rope.hpp"

namespace chromatin::gpu::cuda {
namespace {

using tensors = std::vector<const model::tensor*>;

tensors of_layer(const model::weights& w, std::uint32_t layer, std::initializer_list<const char*> names) {
  tensors all;
  for (auto name : names) all.push_back(&w.at(fmt::format("model.layers.{}.{}", layer, name)));
  return all;
}

device_layer upload_layer(const model::checkpoint& c, std::uint32_t l, uploader& up) {
  const auto& w = c.weights;
  device_layer layer;
  layer.attention_norm = up.vector(of_layer(w, l, {"input_layernorm.weight"}));
  layer.ffn_norm = up.vector(of_layer(w, l, {"post_attention_layernorm.weight"}));
  if (c.config.attention_bias)
    layer.qkv_bias =
        up.vector(of_layer(w, l, {"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"}));
  layer.qkv =
      up.matrix(of_layer(w, l, {"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"}));
  layer.output = up.matrix(of_layer(w, l, {"self_attn.o_proj.weight"}));
  layer.gate_up = up.matrix(of_layer(w, l, {"mlp.gate_proj.weight", "mlp.up_proj.weight"}));
  layer.down = up.matrix(of_layer(w, l, {"mlp.down_proj.weight"}));
  return layer;
}

}  // namespace

device_weights::device_weights(const model::checkpoint& c, runtime& on) {
  uploader up{on};
  const auto& w = c.weights;
  embedding = up.matrix({&w.at("model.embed_tokens.weight")});
  for (std::uint32_t l = 0; l < c.config.layers; ++l) {
    layers.push_back(upload_layer(c, l, up));
    w.release_pages();  // so that no more than one layer is in the host's memory
  }
  final_norm = up.vector({&w.at("model.norm.weight")});
  if (!c.config.tied_embeddings) own_head_ = up.matrix({&w.at("lm_head.weight")});
  w.release_pages();
  auto rotation = model::make_rotary_table(c.config);
  cosines = up.floats(rotation.cosines);
  sines = up.floats(rotation.sines);
  up.finish();
}

std::uint64_t device_weights::bytes() const {
  std::size_t halves = embedding.size() + own_head_.size(), floats = final_norm.size();
  for (const auto& l : layers) {
    halves += l.qkv.size() + l.output.size() + l.gate_up.size() + l.down.size();
    floats += l.attention_norm.size() + l.ffn_norm.size() + l.qkv_bias.size();
  }
  return halves * sizeof(std::uint16_t) + floats * sizeof(float);
}

}  // namespace chromatin::gpu::cuda
