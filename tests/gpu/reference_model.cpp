#include "tests/gpu/reference_model.hpp"

#include <cmath>
#include <fstream>
#include <numbers>

namespace chromatin::gpu {

reference_model::reference_model(const std::filesystem::path& folder)
    : config(nlohmann::json::parse(std::ifstream{folder / "config.json"})),
      checkpoint_{model::checkpoint::open(folder)} {}

reference_model::vector reference_model::matrix(const std::string& name) const {
  const auto& tensor = checkpoint_->weights.at(name);
  std::vector<float> values(tensor.size());
  model::to_f32(tensor, values);
  return {values.begin(), values.end()};
}

reference_model::vector reference_model::project(const std::string& name, const vector& x) const {
  auto weights = matrix(name + ".weight");
  vector y(weights.size() / x.size());
  bool biased = config["architectures"][0] == "Qwen2ForCausalLM" &&
                (name.ends_with("q_proj") || name.ends_with("k_proj") || name.ends_with("v_proj"));
  if (biased) y = matrix(name + ".bias");
  for (std::size_t row = 0; row < y.size(); ++row)
    for (std::size_t column = 0; column < x.size(); ++column) y[row] += weights[row * x.size() + column] * x[column];
  return y;
}

reference_model::vector reference_model::normalize(const std::string& name, const vector& x) const {
  double squares = 0;
  for (auto value : x) squares += value * value;
  auto scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + config["rms_norm_eps"].get<double>());
  auto y = matrix(name + ".weight");
  for (std::size_t i = 0; i < x.size(); ++i) y[i] *= x[i] * scale;
  return y;
}

std::size_t reference_model::head_dim() const {
  if (config.contains("head_dim")) return config["head_dim"];
  return config["hidden_size"].get<std::size_t>() / config["num_attention_heads"].get<std::size_t>();
}

double reference_model::frequency(std::size_t pair) const {
  auto f =
      std::pow(config["rope_theta"].get<double>(), -2.0 * static_cast<double>(pair) / static_cast<double>(head_dim()));
  if (!config.contains("rope_scaling")) return f;
  const auto& scaling = config["rope_scaling"];
  double factor = scaling["factor"];
  if (scaling.value("type", "") == "linear") return f / factor;
  double original = scaling["original_max_position_embeddings"], low = scaling["low_freq_factor"],
         high = scaling["high_freq_factor"];
  auto turns = original * f / (2 * std::numbers::pi);  // within the context of the first training
  if (turns > high) return f;
  if (turns < low) return f / factor;
  auto share = (turns - low) / (high - low);
  return (1 - share) * f / factor + share * f;
}

void reference_model::rotate(vector& heads, std::size_t position) const {
  auto half = head_dim() / 2;
  for (std::size_t head = 0; head < heads.size(); head += 2 * half)
    for (std::size_t pair = 0; pair < half; ++pair) {
      auto angle = static_cast<double>(position) * frequency(pair);
      auto a = heads[head + pair], b = heads[head + pair + half];
      heads[head + pair] = a * std::cos(angle) - b * std::sin(angle);
      heads[head + pair + half] = b * std::cos(angle) + a * std::sin(angle);
    }
}

reference_model::vector reference_model::attend(const vector& queries, const layer_cache& cache) const {
  auto dim = head_dim(), group = queries.size() / cache.keys[0].size();
  vector result(queries.size());
  for (std::size_t head = 0; head < queries.size() / dim; ++head) {
    auto kv_head = head / group;
    vector weights;
    double sum = 0;
    for (const auto& key : cache.keys) {
      double score = 0;
      for (std::size_t i = 0; i < dim; ++i) score += queries[head * dim + i] * key[kv_head * dim + i];
      weights.push_back(std::exp(score / std::sqrt(static_cast<double>(dim))));
      sum += weights.back();
    }
    for (std::size_t t = 0; t < weights.size(); ++t)
      for (std::size_t i = 0; i < dim; ++i)
        result[head * dim + i] += weights[t] / sum * cache.values[t][kv_head * dim + i];
  }
  return result;
}

void reference_model::run_layer(std::size_t layer, vector& x, std::size_t position, layer_cache& cache) const {
  auto name = "model.layers." + std::to_string(layer) + ".";
  auto add = [&](const vector& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  };
  auto h = normalize(name + "input_layernorm", x);
  auto queries = project(name + "self_attn.q_proj", h), keys = project(name + "self_attn.k_proj", h);
  rotate(queries, position);
  rotate(keys, position);
  cache.keys.push_back(keys);
  cache.values.push_back(project(name + "self_attn.v_proj", h));
  add(project(name + "self_attn.o_proj", attend(queries, cache)));
  h = normalize(name + "post_attention_layernorm", x);
  auto gate = project(name + "mlp.gate_proj", h), up = project(name + "mlp.up_proj", h);
  for (std::size_t i = 0; i < gate.size(); ++i) up[i] *= gate[i] / (1 + std::exp(-gate[i]));
  add(project(name + "mlp.down_proj", up));
}

std::vector<reference_model::vector> reference_model::run(std::span<const kv::token_id> input) const {
  auto embedding = matrix("model.embed_tokens.weight");
  auto hidden = config["hidden_size"].get<std::size_t>();
  std::vector<layer_cache> caches(config["num_hidden_layers"].get<std::size_t>());
  std::vector<vector> logits;
  for (std::size_t position = 0; position < input.size(); ++position) {
    auto row = embedding.begin() + static_cast<std::ptrdiff_t>(input[position] * hidden);
    vector x(row, row + static_cast<std::ptrdiff_t>(hidden));
    for (std::size_t layer = 0; layer < caches.size(); ++layer) run_layer(layer, x, position, caches[layer]);
    logits.push_back(
        project(config["tie_word_embeddings"] ? "model.embed_tokens" : "lm_head", normalize("model.norm", x)));
  }
  return logits;
}

}  // namespace chromatin::gpu
