#include <utility>

#include <fmt/format.h>

#include "model/weights.hpp"

namespace chromatin::model {
namespace {

using tensor_shape = std::vector<std::uint64_t>;

/// The names of one layer's tensors, put behind its number.
struct layer_list {
  std::vector<expected_tensor>& all;
  std::uint32_t layer;

  void add(std::string_view name, tensor_shape of) const {
    all.push_back({fmt::format("model.layers.{}.{}", layer, name), std::move(of)});
  }
  void weight(std::string_view part, tensor_shape of) const { add(fmt::format("{}.weight", part), std::move(of)); }
};

void add_attention(const config& c, const layer_list& to) {
  std::uint64_t q = std::uint64_t{c.heads} * c.head_dim, kv = std::uint64_t{c.kv_heads} * c.head_dim;
  if (c.fused_projections) {
    to.weight("self_attn.qkv_proj", {q + 2 * kv, c.hidden});
  } else {
    to.weight("self_attn.q_proj", {q, c.hidden});
    to.weight("self_attn.k_proj", {kv, c.hidden});
    to.weight("self_attn.v_proj", {kv, c.hidden});
  }
  to.weight("self_attn.o_proj", {c.hidden, q});
  to.weight("post_attention_layernorm", {c.hidden});
  if (c.attention_bias)
    for (auto [name, size] : {std::pair{"q_proj", q}, {"k_proj", kv}, {"v_proj", kv}})
      to.add(fmt::format("self_attn.{}.bias", name), {size});
  if (c.output_bias) to.add("self_attn.o_proj.bias", {c.hidden});
  if (c.qk_norm)
    for (auto name : {"self_attn.q_norm", "self_attn.k_norm"}) to.weight(name, {c.head_dim});
}

void add_feed_forward(const config& c, const layer_list& to) {
  if (c.output_norms)
    for (auto name : {"pre_feedforward_layernorm", "post_feedforward_layernorm"}) to.weight(name, {c.hidden});
  std::uint64_t ffn = c.ffn_of(to.layer);
  auto block = [&](const std::string& part) {
    if (c.fused_projections) {
      to.weight(part + ".gate_up_proj", {2 * ffn, c.hidden});
    } else {
      to.weight(part + ".gate_proj", {ffn, c.hidden});
      to.weight(part + ".up_proj", {ffn, c.hidden});
    }
    to.weight(part + ".down_proj", {c.hidden, ffn});
  };
  if (!c.has_experts(to.layer)) return block("mlp");
  to.weight("mlp.gate", {c.experts, c.hidden});
  for (std::uint32_t e = 0; e < c.experts; ++e) block(fmt::format("mlp.experts.{}", e));
}

}  // namespace

std::vector<expected_tensor> expected_tensors(const config& c) {
  std::vector<expected_tensor> all{{"model.embed_tokens.weight", {c.vocabulary, c.hidden}},
                                   {"model.norm.weight", {c.hidden}}};
  if (!c.tied_embeddings) all.push_back({"lm_head.weight", {c.vocabulary, c.hidden}});
  for (std::uint32_t l = 0; l < c.layers; ++l) {
    layer_list to{all, l};
    to.weight("input_layernorm", {c.hidden});
    add_attention(c, to);
    add_feed_forward(c, to);
  }
  return all;
}

}  // namespace chromatin::model
