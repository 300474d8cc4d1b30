// Rotary positions of the reference model, kind by kind.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tests/gpu/reference_model.hpp"

namespace chromatin::gpu {

reference_model::vector reference_model::plain_frequencies(double theta) const {
  vector f(rotary_dim() / 2);
  for (std::size_t pair = 0; pair < f.size(); ++pair)
    f[pair] = std::pow(theta, -2.0 * static_cast<double>(pair) / static_cast<double>(rotary_dim()));
  return f;
}

reference_model::rotation reference_model::stretched(double theta, const nlohmann::json& scaling) const {
  rotation r{plain_frequencies(theta)};
  auto type = scaling.value("rope_type", scaling.value("type", "default"));
  double trained = config["max_position_embeddings"];
  double served = served_context > 0 ? static_cast<double>(served_context) : trained,
         factor = scaling.value("factor", 1.0);
  auto d = static_cast<double>(rotary_dim());
  if (type == "linear")
    for (auto& f : r.frequencies) f /= factor;
  if (type == "llama3") {
    double original = scaling["original_max_position_embeddings"], low = scaling["low_freq_factor"],
           high = scaling["high_freq_factor"];
    for (auto& f : r.frequencies) {
      auto times = original * f / (2 * std::numbers::pi);  // within the context of the first training
      auto share = std::clamp((times - low) / (high - low), 0.0, 1.0);
      f = (1 - share) * f / factor + share * f;
    }
  }
  if (type == "dynamic" && served > trained)
    r.frequencies = plain_frequencies(theta * std::pow(factor * served / trained - (factor - 1), d / (d - 2)));
  if (type == "yarn") {
    double original = scaling["original_max_position_embeddings"];
    auto pair_that_turns = [&](double times) {
      return d * std::log(original / (times * 2 * std::numbers::pi)) / (2 * std::log(theta));
    };
    auto first = std::max(std::floor(pair_that_turns(scaling.value("beta_fast", 32.0))), 0.0);
    auto last = std::min(std::ceil(pair_that_turns(scaling.value("beta_slow", 1.0))), d - 1);
    for (std::size_t i = 0; i < r.frequencies.size(); ++i) {
      auto slowed = std::clamp((static_cast<double>(i) - first) / (last - first), 0.0, 1.0);
      r.frequencies[i] *= slowed / factor + 1 - slowed;
    }
    r.amplitude = scaling.value("attention_factor", 0.1 * std::log(factor) + 1);
  }
  if (type == "longrope") {
    double original = config["original_max_position_embeddings"];
    const auto& factors = scaling[served > original ? "long_factor" : "short_factor"];
    for (std::size_t i = 0; i < r.frequencies.size(); ++i) r.frequencies[i] /= factors[i].get<double>();
    if (trained > original) r.amplitude = std::sqrt(1 + std::log(trained / original) / std::log(original));
  }
  return r;
}

reference_model::rotation reference_model::rotation_of(std::size_t layer) const {
  bool local = is("Gemma3ForCausalLM") && slides(layer);
  nlohmann::json none = nlohmann::json::object();
  if (config.contains("rope_parameters")) {
    const auto& all = config["rope_parameters"];
    const auto& own = all.contains("full_attention") ? all[local ? "sliding_attention" : "full_attention"] : all;
    return stretched(own["rope_theta"], own);
  }
  if (local) return stretched(number("rope_local_base_freq", 10000), none);
  return stretched(number("rope_theta", 10000), config.contains("rope_scaling") ? config["rope_scaling"] : none);
}

}  // namespace chromatin::gpu
