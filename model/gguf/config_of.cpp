#include "model/gguf/config_of.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/config_json.hpp"
#include "model/gguf/architectures.hpp"
#include "model/load_error.hpp"

namespace chromatin::model::gguf {
namespace {

using nlohmann::json;

/// A number of the architecture: its key behind the architecture's name, and what config.json calls it.
struct renamed {
  std::string_view key, hugging_face;
  bool must = false;
};

constexpr std::uint32_t whole_max = 1u << 30;

constexpr renamed whole_numbers[]{{"block_count", "num_hidden_layers", true},
                                  {"embedding_length", "hidden_size", true},
                                  {"feed_forward_length", "intermediate_size", true},
                                  {"context_length", "max_position_embeddings", true},
                                  {"attention.head_count", "num_attention_heads", true},
                                  {"attention.head_count_kv", "num_key_value_heads"},
                                  {"attention.key_length", "head_dim"}};

constexpr renamed reals[]{{"attention.layer_norm_rms_epsilon", "rms_norm_eps", true},
                          {"rope.freq_base", "rope_theta"},
                          {"rope.freq_base_swa", "rope_local_base_freq"},
                          {"attn_logit_softcapping", "attn_logit_softcapping"},
                          {"final_logit_softcapping", "final_logit_softcapping"},
                          {"attention.scale", "attention_multiplier"},
                          {"embedding_scale", "embedding_multiplier"},
                          {"residual_scale", "residual_multiplier"},
                          {"logit_scale", "logits_scaling"}};

/// What would change the computation and is not built, with the value that changes nothing.
constexpr std::pair<std::string_view, double> neutral[]{{"use_parallel_residual", 0},
                                                        {"attention.max_alibi_bias", 0},
                                                        {"attention.clamp_kqv", 0},
                                                        {"attention.causal", 1},
                                                        {"attention.q_lora_rank", 0},
                                                        {"attention.kv_lora_rank", 0},
                                                        {"attention.temperature_length", 0},
                                                        {"attention.temperature_scale", 0},
                                                        {"expert_shared_count", 0},
                                                        {"expert_group_count", 0},
                                                        {"expert_weights_scale", 1},
                                                        {"expert_gating_func", 1},
                                                        {"leading_dense_block_count", 0},
                                                        {"nextn_predict_layers", 0},
                                                        {"pooling_type", 0},
                                                        {"rope.scaling.yarn_ext_factor", 1},
                                                        {"rope.scaling.yarn_attn_factor", 1},
                                                        {"rope.scaling.yarn_log_multiplier", 0}};

/// What is said elsewhere, too, or says nothing that counts.
constexpr std::string_view remarks[]{"vocab_size", "rope.scaling.finetuned", "tensor_data_layout",
                                     "attention.layer_norm_epsilon"};

constexpr auto turns_tensor = "rope_freqs.weight";

/// By how much each pair of values turns slower.
std::vector<float> factors(const contents& from, const char* name) {
  auto found = from.tensors.find(name);
  if (found == from.tensors.end() || found->second.type != element::f32)
    throw load_error(fmt::format("{}: tensor {} is missing, or not F32", from.values.where(), name));
  std::vector<float> all(found->second.size());
  to_f32(found->second, all);
  return all;
}

/// Llama 3's stretching: the file has what comes out of its parameters instead of these.
rope_scaling listed_scaling(const contents& from, const config& c) {
  auto all = factors(from, turns_tensor);
  bool fit = all.size() == c.rotary_values() / 2 &&
             std::all_of(all.begin(), all.end(), [](float f) { return f >= 1e-3f && f <= 1e6f; });
  if (!fit)
    throw load_error(fmt::format("{}: tensor {} must have {} numbers from 0.001 to 1000000", from.values.where(),
                                 turns_tensor, c.rotary_values() / 2));
  return {.type = rope_scaling::kind::longrope,
          .original_context = c.context,
          .attention_factor = 1,
          .short_factors = all,
          .long_factors = all};
}

class translation {
 public:
  translation(const contents& from, const architecture& of) : from_{from}, values_{from.values}, of_{of} {
    for (auto key : remarks) asked_.insert(full(key));
    out_["architectures"] = {of.hugging_face};
    out_["model_type"] = of.type;
    put_numbers();
    put_vocabulary();
    put_rope();
    put_of_architecture();
    refuse_unbuilt();
  }

  const json& config_json() const { return out_; }
  std::vector<std::string> unknown() const {
    std::vector<std::string> names;
    for (const auto& [key, v] : values_.all())
      if (key.starts_with(full("")) && !asked_.contains(key)) names.push_back(key);
    return names;
  }
  /// An error of who reads config.json, with the keys as this file has them.
  std::string with_own_keys(std::string error) const {
    auto put = [&](const renamed& r) {
      for (auto name : {fmt::format("\"{}\"", r.hugging_face), fmt::format(" {} is not", r.hugging_face)})
        if (auto at = error.find(name); at != error.npos && has(r.key))
          error.replace(at + 1, r.hugging_face.size(), full(r.key));
    };
    std::for_each(std::begin(whole_numbers), std::end(whole_numbers), put);
    std::for_each(std::begin(reals), std::end(reals), put);
    return error;
  }

 private:
  std::string full(std::string_view key) const { return fmt::format("{}.{}", of_.name, key); }
  bool has(std::string_view key) const { return values_.has(full(key)); }
  std::string asked(std::string_view key) { return *asked_.insert(full(key)).first; }
  double real(std::string_view key, double fallback) { return values_.real(asked(key), fallback); }
  std::uint32_t number(std::string_view key, std::uint32_t fallback) {
    return values_.number(asked(key), 0, whole_max, fallback);
  }

  /// A number, or a list of them, one for each layer, that are all the same.
  std::uint32_t number_of_layers(const std::string& key) const {
    auto listed = values_.all().find(key);
    if (listed == values_.all().end() || !listed->second.list) return values_.number(key, 1, whole_max);
    auto numbers = values_.numbers(key);
    if (auto layers = values_.number(full("block_count"), 1, whole_max); numbers.size() != layers)
      values_.refuse(key, fmt::format("has {} values for {} layers", numbers.size(), layers));
    if (numbers.empty() || numbers[0] < 1 || numbers[0] > whole_max ||
        std::any_of(numbers.begin(), numbers.end(), [&](auto n) { return n != numbers[0]; }))
      values_.refuse(key, "differs from layer to layer, which is not supported");
    return static_cast<std::uint32_t>(numbers[0]);
  }

  void put_numbers() {
    for (const auto& [key, name, must] : whole_numbers)
      if (must || has(key)) out_[std::string{name}] = number_of_layers(asked(key));
    for (const auto& [key, name, must] : reals)
      if (must || has(key)) out_[std::string{name}] = values_.real(asked(key));
    auto head = head_dim();
    if (auto values = number("attention.value_length", head); values != head)
      values_.refuse(full("attention.value_length"),
                     fmt::format("is {}, and keys have {} values; both must be the same", values, head));
  }

  std::uint32_t head_dim() const {
    if (out_.contains("head_dim")) return out_["head_dim"].get<std::uint32_t>();
    return out_["hidden_size"].get<std::uint32_t>() / out_["num_attention_heads"].get<std::uint32_t>();
  }

  void put_vocabulary() {
    auto table = from_.tensors.find("token_embd.weight");
    if (table == from_.tensors.end() || table->second.shape.size() != 2)
      throw load_error(fmt::format("{}: tensor token_embd.weight is missing, or not a matrix", values_.where()));
    out_["vocab_size"] = table->second.shape[0];
    out_["tie_word_embeddings"] = !from_.tensors.contains("output.weight");
    auto ends = json::array();
    for (auto name : {"eos_token_id", "eot_token_id", "eom_token_id"})
      if (auto key = fmt::format("tokenizer.ggml.{}", name); values_.has(key)) {
        auto id = values_.number(key, 0, whole_max);
        if (id >= table->second.shape[0]) values_.refuse(key, fmt::format("is {}, outside the vocabulary", id));
        if (std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(id);
      }
    out_["eos_token_id"] = std::move(ends);
  }

  void put_rope() {
    if (auto rotate = number("rope.dimension_count", head_dim()); rotate != head_dim()) {
      if (rotate > head_dim() || rotate == 0) values_.refuse(full("rope.dimension_count"), "must fit into a head");
      out_["partial_rotary_factor"] = static_cast<double>(rotate) / head_dim();
    }
    auto linear = real("rope.scale_linear", 1);
    bool listed = from_.tensors.contains("rope_factors_long.weight");
    auto type = values_.text(asked("rope.scaling.type"), listed ? "longrope" : linear == 1 ? "none" : "linear");
    auto factor = real("rope.scaling.factor", linear), attention = real("rope.scaling.attn_factor", 0);
    auto original = number("rope.scaling.original_context_length", 0);
    if (type == "none") return;
    json scaling{{"rope_type", type}, {"factor", factor}};
    if (type == "yarn") {
      if (attention != 0 && attention != 1)
        values_.refuse(full("rope.scaling.attn_factor"), "is not supported where positions are stretched by yarn");
      attention = 0;
      scaling["original_max_position_embeddings"] = original;
      for (auto [key, name] :
           {std::pair{"rope.scaling.yarn_beta_fast", "beta_fast"}, {"rope.scaling.yarn_beta_slow", "beta_slow"}})
        if (has(key)) scaling[name] = real(key, 0);
    }
    if (type == "longrope") {
      scaling["short_factor"] = factors(from_, "rope_factors_short.weight");
      scaling["long_factor"] = factors(from_, "rope_factors_long.weight");
      out_["original_max_position_embeddings"] = original;
      scaling.erase("factor");
    }
    if (attention != 0) scaling["attention_factor"] = attention;
    out_["rope_scaling"] = std::move(scaling);
  }

  void put_of_architecture() {
    auto hidden = out_["hidden_size"].get<std::uint32_t>(), heads = out_["num_attention_heads"].get<std::uint32_t>(),
         layers = out_["num_hidden_layers"].get<std::uint32_t>();
    out_["hidden_act"] = of_.norm_has_one_added ? "gelu_pytorch_tanh" : "silu";
    if (from_.tensors.contains("blk.0.attn_q.bias") && of_.name != "qwen2") out_["attention_bias"] = true;
    if (auto window = number("attention.sliding_window", 0); window > 0) {
      out_["sliding_window"] = window;
      if (of_.name == "llama") {  // the same architecture, and the one of the two that has a window
        out_["architectures"] = {"MistralForCausalLM"};
        out_["model_type"] = "mistral";
      }
    }
    if (of_.norms_around_blocks) {
      // What the 27B models' config.json says, and no key of GGUF.
      bool largest = of_.name == "gemma2" ? layers == 46 : layers == 62;
      out_["query_pre_attn_scalar"] = largest ? hidden / heads : head_dim();
    }
    if (of_.name == "gemma3") out_["sliding_window_pattern"] = number("attention.sliding_window_pattern", 6);
    if (of_.name == "smollm3") {
      constexpr std::uint32_t step = 4;  // every fourth layer has no positions, which no key of GGUF says
      for (std::uint32_t l = 1; l <= layers; ++l) out_["no_rope_layers"].push_back(l % step == 0 ? 0 : 1);
    }
    bool experts = of_.name == "qwen3moe";
    if (auto count = number("expert_count", 0); count > 0 || experts)
      out_[experts ? "num_experts" : "num_local_experts"] = count;
    auto used = number("expert_used_count", 0), width = number("expert_feed_forward_length", 0);
    if (!experts) return;
    out_["num_experts_per_tok"] = used;
    out_["moe_intermediate_size"] = width;
    out_["norm_topk_prob"] = values_.flag(asked("expert_weights_norm"), true);
  }

  void refuse_unbuilt() {
    for (auto [name, value] : neutral) {
      if (!has(name)) continue;
      auto key = asked(name);
      bool flag = values_.all().find(key)->second.type == value_type::boolean;
      auto found = flag ? static_cast<double>(values_.flag(key, false)) : values_.real(key);
      if (found != value) values_.refuse(key, fmt::format("is {}, which is not supported", values_.shown(key)));
    }
  }

  const contents& from_;
  const metadata& values_;
  const architecture& of_;
  std::set<std::string> asked_;
  json out_ = json::object();
};

std::vector<std::string> quantised_kinds(const contents& from) {
  std::set<std::string> kinds;
  for (const auto& [name, t] : from.tensors)
    if (is_quantised(t.type)) kinds.insert(t.type_name);
  return {kinds.begin(), kinds.end()};
}

}  // namespace

config config_of(const contents& from, std::uint32_t context) {
  const auto& of = find_architecture(from.values);
  translation all{from, of};
  try {
    auto c = parse_config(all.config_json(), from.values.where(), context);
    c.unknown_keys = all.unknown();
    c.quantised_kinds = quantised_kinds(from);
    if (of.norm_has_one_added) c.gain_plus_one = false;
    if (from.tensors.contains(turns_tensor)) c.scaling = listed_scaling(from, c);
    return c;
  } catch (const load_error& e) {
    throw load_error(all.with_own_keys(e.what()));
  }
}

}  // namespace chromatin::model::gguf
