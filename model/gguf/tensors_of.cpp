#include "model/gguf/tensors_of.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "model/gguf/architectures.hpp"
#include "model/load_error.hpp"

namespace chromatin::model::gguf {
namespace {

using two_names = std::pair<std::string_view, std::string_view>;

constexpr two_names beside_layers[]{
    {"token_embd.", "model.embed_tokens."}, {"output_norm.", "model.norm."}, {"output.", "lm_head."}};

constexpr two_names layer_parts[]{{"attn_norm.", "input_layernorm."},
                                  {"attn_q.", "self_attn.q_proj."},
                                  {"attn_k.", "self_attn.k_proj."},
                                  {"attn_v.", "self_attn.v_proj."},
                                  {"attn_qkv.", "self_attn.qkv_proj."},
                                  {"attn_output.", "self_attn.o_proj."},
                                  {"attn_q_norm.", "self_attn.q_norm."},
                                  {"attn_k_norm.", "self_attn.k_norm."},
                                  {"ffn_norm.", "post_attention_layernorm."},
                                  {"ffn_gate.", "mlp.gate_proj."},
                                  {"ffn_up.", "mlp.up_proj."},
                                  {"ffn_down.", "mlp.down_proj."},
                                  {"ffn_gate_inp.", "mlp.gate."}};

/// Gemma's norms before and behind each block.
constexpr two_names four_norms[]{{"ffn_norm.", "pre_feedforward_layernorm."},
                                 {"post_attention_norm.", "post_attention_layernorm."},
                                 {"post_ffw_norm.", "post_feedforward_layernorm."}};

constexpr two_names fused_gate[]{{"ffn_up.", "mlp.gate_up_proj."}};

constexpr two_names expert_parts[]{
    {"ffn_gate_exps.", "gate_proj."}, {"ffn_up_exps.", "up_proj."}, {"ffn_down_exps.", "down_proj."}};

template <std::size_t N>
const two_names* find(const two_names (&table)[N], std::string_view name) {
  auto found =
      std::find_if(std::begin(table), std::end(table), [&](const auto& n) { return name.starts_with(n.first); });
  return found == std::end(table) ? nullptr : found;
}

/// "blk.12.attn_q.weight" as 12 and "attn_q.weight"; an empty name for another.
std::pair<std::string_view, std::string_view> in_layer(std::string_view name) {
  constexpr std::string_view begin = "blk.";
  if (!name.starts_with(begin)) return {};
  name.remove_prefix(begin.size());
  auto digits = std::min(name.find_first_not_of("0123456789"), name.size());
  if (digits == 0 || digits == name.size() || name[digits] != '.') return {};
  return {name.substr(0, digits), name.substr(digits + 1)};
}

class naming {
 public:
  naming(const architecture& of, const std::string& where, std::uint32_t heads, std::uint32_t kv_heads)
      : of_{of}, where_{where}, heads_{heads}, kv_heads_{kv_heads} {}

  void add(const std::string& name, const tensor& t) {
    if (const auto* row = find(beside_layers, name))
      return put(fmt::format("{}{}", row->second, name.substr(row->first.size())), t);
    auto [layer, part] = in_layer(name);
    if (part.empty()) return;  // factors of positions, which the config has
    auto prefix = fmt::format("model.layers.{}.", layer);
    if (const auto* row = find(expert_parts, part)) {
      auto end = part.substr(row->first.size());
      return put_experts(prefix, fmt::format("{}{}", row->second, end), name, t);
    }
    const auto* row = of_.norms_around_blocks ? find(four_norms, part) : nullptr;
    if (of_.fused_gate && !row) row = find(fused_gate, part);
    if (!row) row = find(layer_parts, part);
    // What has no name here keeps its own: a part of a layer that the config does not ask for is refused by it.
    if (!row) return put(fmt::format("{}{}", prefix, part), t);
    auto put_as = fmt::format("{}{}{}", prefix, row->second, part.substr(row->first.size()));
    if (of_.pairs_side_by_side && (row->first == "attn_q." || row->first == "attn_k."))
      result_.paired_rows.emplace(put_as, row->first == "attn_q." ? heads_ : kv_heads_);
    put(std::move(put_as), t);
  }
  named_tensors take() { return std::move(result_); }

 private:
  void put(std::string name, const tensor& t) {
    if (!result_.tensors.emplace(name, t).second) throw load_error(fmt::format("{}: two tensors are {}", where_, name));
  }

  void put_experts(const std::string& prefix, const std::string& part, const std::string& name, const tensor& t) {
    if (t.shape.size() != 3)
      throw load_error(
          fmt::format("{}: tensor {} must have three dimensions, and has {}", where_, name, t.shape.size()));
    auto count = t.shape[0], bytes = t.bytes.size() / count;
    constexpr std::uint64_t experts_max = 4096;
    if (count > experts_max) throw load_error(fmt::format("{}: tensor {} is of {} experts", where_, name, count));
    for (std::uint64_t e = 0; e < count; ++e) {
      auto one = t;
      one.shape = {t.shape[1], t.shape[2]};
      one.bytes = t.bytes.subspan(e * bytes, bytes);
      put(fmt::format("{}mlp.experts.{}.{}", prefix, e, part), one);
    }
  }

  const architecture& of_;
  const std::string& where_;
  std::uint32_t heads_, kv_heads_;
  named_tensors result_;
};

template <std::size_t N>
std::optional<std::string> own_name_in(const two_names (&table)[N], std::string_view name) {
  for (const auto& [own, hugging_face] : table)
    if (name.starts_with(hugging_face)) return fmt::format("{}{}", own, name.substr(hugging_face.size()));
  return std::nullopt;
}

/// The way back from Hugging Face's name; empty if there is none.
std::optional<std::string> own_name(const architecture& of, std::string_view name) {
  if (auto found = own_name_in(beside_layers, name)) return found;
  constexpr std::string_view layers = "model.layers.", experts = "mlp.experts.";
  if (!name.starts_with(layers)) return std::nullopt;
  name.remove_prefix(layers.size());
  auto dot = std::min(name.find('.'), name.size() - 1);
  auto layer = name.substr(0, dot), part = name.substr(dot + 1);
  std::optional<std::string> found;
  if (part.starts_with(experts)) {
    part.remove_prefix(std::min(part.find('.', experts.size()), part.size() - 1) + 1);
    found = own_name_in(expert_parts, part);
  }
  if (!found && of.norms_around_blocks) found = own_name_in(four_norms, part);
  if (!found && of.fused_gate) found = own_name_in(fused_gate, part);
  if (!found) found = own_name_in(layer_parts, part);
  if (!found) return std::nullopt;
  return fmt::format("blk.{}.{}", layer, *found);
}

}  // namespace

load_error with_own_name(const architecture& of, const tensor_error& error) {
  auto own = own_name(of, error.tensor);
  return own ? load_error{fmt::format("{}; in GGUF it is {}", error.what(), *own)} : load_error{error};
}

named_tensors tensors_of(const contents& from, std::uint32_t heads, std::uint32_t kv_heads) {
  naming all{find_architecture(from.values), from.values.where(), heads, kv_heads};
  for (const auto& [name, t] : from.tensors) all.add(name, t);
  return all.take();
}

}  // namespace chromatin::model::gguf
