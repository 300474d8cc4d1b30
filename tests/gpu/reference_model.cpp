#include "tests/gpu/reference_model.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

namespace chromatin::gpu {

reference_model::reference_model(const std::filesystem::path& folder)
    : config(nlohmann::json::parse(std::ifstream{folder / "config.json"})),
      checkpoint_{model::checkpoint::open(folder)} {}

double reference_model::number(const char* key, double fallback) const {
  return config.contains(key) && !config[key].is_null() ? config[key].get<double>() : fallback;
}

const reference_model::vector& reference_model::matrix(const std::string& name, bool rounded) const {
  auto [found, added] = matrices_.try_emplace(name + (rounded ? " rounded" : ""));
  if (!added) return found->second;
  const auto& tensor = checkpoint_->weights.at(name);
  std::vector<float> values(tensor.size());
  model::to_f32(tensor, values);
  if (rounded)
    for (std::size_t row = 0; row < values.size(); row += tensor.shape[1]) {
      float top = 0;
      for (std::size_t i = 0; i < tensor.shape[1]; ++i) top = std::max(top, std::abs(values[row + i]));
      auto scale = top / 127;
      for (std::size_t i = 0; i < tensor.shape[1]; ++i)
        values[row + i] = std::nearbyint(values[row + i] / scale) * scale;
    }
  return found->second = {values.begin(), values.end()};
}

/// Some rows of a matrix times x.
reference_model::vector reference_model::rows(const std::string& name, std::size_t first, std::size_t count,
                                              const vector& x) const {
  const auto& weights = matrix(name + ".weight", int8 && !name.ends_with("mlp.gate"));
  vector y(count);
  for (std::size_t row = 0; row < count; ++row)
    for (std::size_t column = 0; column < x.size(); ++column)
      y[row] += weights[(first + row) * x.size() + column] * x[column];
  return y;
}

reference_model::vector reference_model::project(const std::string& name, const vector& x) const {
  auto y = rows(name, 0, matrix(name + ".weight").size() / x.size(), x);
  bool qkv = name.ends_with("q_proj") || name.ends_with("k_proj") || name.ends_with("v_proj");
  bool all = config.value("attention_bias", false) && (qkv || name.ends_with("o_proj"));
  if (all || (qkv && is("Qwen2ForCausalLM"))) {
    const auto& bias = matrix(name + ".bias");
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += bias[i];
  }
  return y;
}

reference_model::vector reference_model::normalize(const std::string& name, const vector& x) const {
  double squares = 0;
  for (auto value : x) squares += value * value;
  auto scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + config["rms_norm_eps"].get<double>());
  auto y = matrix(name + ".weight");
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = ((is_gemma() ? 1 : 0) + y[i]) * x[i] * scale;
  return y;
}

void reference_model::normalize_heads(const std::string& name, vector& heads) const {
  auto d = static_cast<std::ptrdiff_t>(head_dim());
  for (auto head = heads.begin(); head < heads.end(); head += d) {
    auto normed = normalize(name, vector(head, head + d));
    std::copy(normed.begin(), normed.end(), head);
  }
}

std::size_t reference_model::head_dim() const {
  if (config.contains("head_dim")) return config["head_dim"];
  return config["hidden_size"].get<std::size_t>() / config["num_attention_heads"].get<std::size_t>();
}

std::size_t reference_model::rotary_dim() const {
  return static_cast<std::size_t>(static_cast<double>(head_dim()) * number("partial_rotary_factor", 1));
}

reference_model::turns reference_model::turns_of(std::size_t layer, std::size_t positions) const {
  auto by = rotation_of(layer);
  turns all(positions);
  for (std::size_t p = 0; p < positions; ++p)
    for (auto f : by.frequencies) {
      auto angle = static_cast<double>(p) * f;
      all[p].emplace_back(by.amplitude * std::cos(angle), by.amplitude * std::sin(angle));
    }
  return all;
}

void reference_model::rotate(vector& heads, std::size_t position, std::size_t layer) const {
  if (!rotates(layer)) return;
  auto half = rotary_dim() / 2;
  const auto& by = turns_[layer][position];
  for (std::size_t head = 0; head < heads.size(); head += head_dim())
    for (std::size_t pair = 0; pair < half; ++pair) {
      auto [c, s] = by[pair];
      auto a = heads[head + pair], b = heads[head + pair + half];
      heads[head + pair] = a * c - b * s;
      heads[head + pair + half] = b * c + a * s;
    }
}

bool reference_model::rotates(std::size_t layer) const {
  return !is("SmolLM3ForCausalLM") || config["no_rope_layers"][layer] == 1;
}

bool reference_model::slides(std::size_t layer) const {
  if (config.contains("layer_types")) return config["layer_types"][layer] == "sliding_attention";
  if (is("Gemma2ForCausalLM")) return layer % 2 == 0;
  if (is("Gemma3ForCausalLM")) return (layer + 1) % config["sliding_window_pattern"].get<std::size_t>() != 0;
  if (is("Qwen2ForCausalLM") || is("Qwen3ForCausalLM"))
    return config.value("use_sliding_window", false) && layer >= config["max_window_layers"].get<std::size_t>();
  return is("MistralForCausalLM") || is("Phi3ForCausalLM");
}

std::size_t reference_model::window_of(std::size_t layer) const {
  return slides(layer) ? static_cast<std::size_t>(number("sliding_window", 1e9)) : 1u << 30;
}

reference_model::vector reference_model::attend(vector queries, const layer_cache& cache, std::size_t layer) const {
  auto dim = head_dim(), group = queries.size() / cache.keys[0].size(), tokens = cache.keys.size();
  rotate(queries, tokens - 1, layer);
  auto scale =
      1 / std::sqrt(is_gemma() ? number("query_pre_attn_scalar", static_cast<double>(dim)) : static_cast<double>(dim));
  if (is("GraniteForCausalLM")) scale = number("attention_multiplier", 1);
  auto cap = number("attn_logit_softcapping", 0);
  auto window = window_of(layer), first = tokens > window ? tokens - window : 0;
  std::vector<vector> keys(cache.keys.begin() + static_cast<std::ptrdiff_t>(first), cache.keys.end());
  for (std::size_t t = 0; t < keys.size(); ++t) rotate(keys[t], first + t, layer);
  vector result(queries.size());
  for (std::size_t head = 0; head < queries.size() / dim; ++head) {
    auto kv_head = head / group;
    vector weights;
    double sum = 0;
    for (const auto& key : keys) {
      double score = 0;
      for (std::size_t i = 0; i < dim; ++i) score += queries[head * dim + i] * key[kv_head * dim + i];
      score *= scale;
      if (cap > 0) score = cap * std::tanh(score / cap);
      weights.push_back(std::exp(score));
      sum += weights.back();
    }
    for (std::size_t t = 0; t < weights.size(); ++t)
      for (std::size_t i = 0; i < dim; ++i)
        result[head * dim + i] += weights[t] / sum * cache.values[first + t][kv_head * dim + i];
  }
  return result;
}

reference_model::vector reference_model::attention_block(const std::string& name, const vector& h, std::size_t layer,
                                                         layer_cache& cache) const {
  vector queries, keys, values;
  if (is("Phi3ForCausalLM")) {
    auto q = config["num_attention_heads"].get<std::size_t>() * head_dim();
    auto kv = config["num_key_value_heads"].get<std::size_t>() * head_dim();
    queries = rows(name + "self_attn.qkv_proj", 0, q, h);
    keys = rows(name + "self_attn.qkv_proj", q, kv, h);
    values = rows(name + "self_attn.qkv_proj", q + kv, kv, h);
  } else {
    queries = project(name + "self_attn.q_proj", h);
    keys = project(name + "self_attn.k_proj", h);
    values = project(name + "self_attn.v_proj", h);
  }
  if (is("Qwen3ForCausalLM") || is("Qwen3MoeForCausalLM") || is("Gemma3ForCausalLM")) {
    normalize_heads(name + "self_attn.q_norm", queries);
    normalize_heads(name + "self_attn.k_norm", keys);
  }
  cache.keys.push_back(keys);
  cache.values.push_back(values);
  return project(name + "self_attn.o_proj", attend(queries, cache, layer));
}

reference_model::vector reference_model::feed_forward(const std::string& name, const vector& h) const {
  vector gate, up;
  if (is("Phi3ForCausalLM")) {
    auto ffn = config["intermediate_size"].get<std::size_t>();
    gate = rows(name + ".gate_up_proj", 0, ffn, h);
    up = rows(name + ".gate_up_proj", ffn, ffn, h);
  } else {
    gate = project(name + ".gate_proj", h);
    up = project(name + ".up_proj", h);
  }
  for (std::size_t i = 0; i < gate.size(); ++i) {
    auto g = gate[i];
    auto gelu = 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g)));
    up[i] *= is_gemma() ? gelu : g / (1 + std::exp(-g));
  }
  return project(name + ".down_proj", up);
}

bool reference_model::has_experts(std::size_t layer) const {
  if (!is("Qwen3MoeForCausalLM")) return false;
  for (const auto& dense : config.value("mlp_only_layers", nlohmann::json::array()))
    if (dense == layer) return false;
  return (layer + 1) % static_cast<std::size_t>(number("decoder_sparse_step", 1)) == 0;
}

reference_model::vector reference_model::experts(const std::string& name, const vector& h) const {
  auto logits = project(name + ".gate", h);
  double all = 0, taken = 0;
  for (auto l : logits) all += std::exp(l);
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return logits[a] > logits[b]; });
  order.resize(config["num_experts_per_tok"].get<std::size_t>());
  for (auto e : order) taken += std::exp(logits[e]) / all;
  vector sum(h.size());
  for (auto e : order) {
    auto share = std::exp(logits[e]) / all / (config.value("norm_topk_prob", false) ? taken : 1);
    auto said = feed_forward(name + ".experts." + std::to_string(e), h);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += share * said[i];
  }
  return sum;
}

void reference_model::run_layer(std::size_t layer, vector& x, layer_cache& cache) const {
  auto name = "model.layers." + std::to_string(layer) + ".";
  bool four_norms = is("Gemma2ForCausalLM") || is("Gemma3ForCausalLM");
  auto add = [&](const vector& y) {
    auto scale = is("GraniteForCausalLM") ? number("residual_multiplier", 1) : 1;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += scale * y[i];
  };
  auto said = attention_block(name, normalize(name + "input_layernorm", x), layer, cache);
  add(four_norms ? normalize(name + "post_attention_layernorm", said) : said);
  auto h = normalize(name + (four_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm"), x);
  said = has_experts(layer) ? experts(name + "mlp", h) : feed_forward(name + "mlp", h);
  add(four_norms ? normalize(name + "post_feedforward_layernorm", said) : said);
}

std::vector<reference_model::vector> reference_model::run(std::span<const kv::token_id> input, conversation& of) const {
  const auto& embedding = matrix("model.embed_tokens.weight");
  auto hidden = config["hidden_size"].get<std::size_t>();
  auto entry = is_gemma() ? std::sqrt(static_cast<double>(hidden)) : number("embedding_multiplier", 1);
  auto cap = number("final_logit_softcapping", 0);
  bool tied = config.value("tie_word_embeddings", is_gemma() || is("SmolLM3ForCausalLM"));
  turns_.clear();
  for (std::size_t l = 0; l < of.size(); ++l) turns_.push_back(turns_of(l, of[l].keys.size() + input.size()));
  std::vector<vector> all;
  for (auto token : input) {
    auto row = embedding.begin() + static_cast<std::ptrdiff_t>(token * hidden);
    vector x(row, row + static_cast<std::ptrdiff_t>(hidden));
    for (auto& value : x) value *= entry;
    for (std::size_t layer = 0; layer < of.size(); ++layer) run_layer(layer, x, of[layer]);
    auto logits = project(tied ? "model.embed_tokens" : "lm_head", normalize("model.norm", x));
    for (auto& value : logits) {
      value /= number("logits_scaling", 1);
      if (cap > 0) value = cap * std::tanh(value / cap);
    }
    all.push_back(std::move(logits));
  }
  return all;
}

std::vector<reference_model::vector> reference_model::run(std::span<const kv::token_id> input) const {
  auto of = begin();
  return run(input, of);
}

}  // namespace chromatin::gpu
