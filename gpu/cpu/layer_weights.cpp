#include "gpu/cpu/layer_weights.hpp"

#include <string>

#include <fmt/format.h>

namespace chromatin::gpu {
namespace {

/// Where one layer's tensors are.
struct layer_tensors {
  const model::checkpoint& checkpoint;
  std::uint32_t layer;
  matrix_options options;

  std::string name(std::string_view part, const char* kind) const {
    return fmt::format("model.layers.{}.{}.{}", layer, part, kind);
  }
  std::vector<std::string> weights(std::vector<std::string> parts) const {
    for (auto& part : parts) part = name(part, "weight");
    return parts;
  }
  packed_matrix shape(const std::vector<std::string>& parts) const {
    std::vector<const model::tensor*> tensors;
    for (const auto& weight : weights(parts)) tensors.push_back(&checkpoint.weights.as_stored(weight));
    return {tensors, options};
  }
  std::vector<float> gain(const char* part) const { return gain_of(checkpoint, name(part, "weight")); }
  std::vector<float> gain_if(bool there, const char* part) const { return there ? gain(part) : std::vector<float>{}; }
  std::vector<float> bias_if(bool there, std::initializer_list<const char*> parts) const {
    std::vector<float> all;
    if (!there) return all;
    for (auto part : parts) {
      auto values = vector_of(checkpoint.weights, name(part, "bias"));
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }
};

std::vector<std::string> qkv_parts(const layer_tensors& of) {
  if (of.checkpoint.config.fused_projections) return {"self_attn.qkv_proj"};
  return {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
}

std::vector<std::string> gate_up_parts(const layer_tensors& of, const std::string& block) {
  if (of.checkpoint.config.fused_projections) return {block + ".gate_up_proj"};
  return {block + ".gate_proj", block + ".up_proj"};
}

/// Of a layer's feed-forward blocks.
std::vector<std::string> block_names(const layer_tensors& of) {
  const auto& config = of.checkpoint.config;
  if (!config.has_experts(of.layer)) return {"mlp"};
  std::vector<std::string> names;
  for (std::uint32_t e = 0; e < config.experts; ++e) names.push_back(fmt::format("mlp.experts.{}", e));
  return names;
}

/// Its few weights decide who computes: rounding them would send tokens elsewhere.
std::unique_ptr<packed_matrix> shape_router(layer_tensors of) {
  if (!of.checkpoint.config.has_experts(of.layer)) return nullptr;
  of.options.weights = model::weight_kind::stored;
  return std::make_unique<packed_matrix>(of.shape({"mlp.gate"}));
}

}  // namespace

std::vector<float> vector_of(const model::weights& w, const std::string& name) {
  const auto& t = w.at(name);
  std::vector<float> values(t.size());
  model::to_f32(t, values);
  return values;
}

std::vector<float> gain_of(const model::checkpoint& c, const std::string& name) {
  auto gain = vector_of(c.weights, name);
  if (c.config.gain_plus_one)
    for (auto& value : gain) value += 1;
  return gain;
}

layer_weights::layer_weights(const model::checkpoint& c, std::uint32_t layer, matrix_options options,
                             weight_packing& packing)
    : qkv{layer_tensors{c, layer, options}.shape(qkv_parts({c, layer, options}))},
      output{layer_tensors{c, layer, options}.shape({"self_attn.o_proj"})} {
  layer_tensors of{c, layer, options};
  bool four_norms = c.config.output_norms, qk_norm = c.config.qk_norm;
  attention_norm = of.gain("input_layernorm");
  ffn_norm = of.gain(four_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm");
  attention_output_norm = of.gain_if(four_norms, "post_attention_layernorm");
  ffn_output_norm = of.gain_if(four_norms, "post_feedforward_layernorm");
  query_norm = of.gain_if(qk_norm, "self_attn.q_norm");
  key_norm = of.gain_if(qk_norm, "self_attn.k_norm");
  qkv_bias = of.bias_if(c.config.attention_bias, {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"});
  output_bias = of.bias_if(c.config.output_bias, {"self_attn.o_proj"});
  router = shape_router(of);
  auto names = block_names(of);
  for (const auto& name : names) blocks.push_back({of.shape(gate_up_parts(of, name)), of.shape({name + ".down_proj"})});

  packing.add(qkv, of.weights(qkv_parts(of)));
  packing.add(output, of.weights({"self_attn.o_proj"}));
  if (router) packing.add(*router, of.weights({"mlp.gate"}));
  for (std::size_t i = 0; i < names.size(); ++i) {
    packing.add(blocks[i].gate_up, of.weights(gate_up_parts(of, names[i])));
    packing.add(blocks[i].down, of.weights({names[i] + ".down_proj"}));
  }
  packing.end_part();
}

std::vector<const packed_matrix*> layer_weights::matrices() const {
  std::vector<const packed_matrix*> all{&qkv, &output};
  for (const auto& block : blocks) {
    all.push_back(&block.gate_up);
    all.push_back(&block.down);
  }
  return all;
}

}  // namespace chromatin::gpu
