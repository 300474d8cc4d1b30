#include "model/rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

namespace chromatin::model {
namespace {

using scaling_kind = rope_scaling::kind;

/// Llama 3's stretching: what turns slowly is slowed down by `factor`, what turns fast stays, between them it blends.
float llama3(float frequency, const rope_scaling& s) {
  auto wavelength = 2 * std::numbers::pi_v<float> / frequency;
  auto original = static_cast<float>(s.original_context);
  if (wavelength < original / s.high_frequency_factor) return frequency;
  if (wavelength > original / s.low_frequency_factor) return frequency / s.factor;
  auto fast = (original / wavelength - s.low_frequency_factor) / (s.high_frequency_factor - s.low_frequency_factor);
  return (1 - fast) * frequency / s.factor + fast * frequency;
}

/// Dynamic stretching: another base, so that the slowest pair turns as far over the served context as over the one of
/// the training, and the fastest as before.
float dynamic_base(float base, const rope_scaling& s, std::uint32_t context, float values) {
  if (context <= s.original_context) return base;
  auto longer = static_cast<float>(context) / static_cast<float>(s.original_context);
  return base * std::pow(s.factor * longer - (s.factor - 1), values / (values - 2));
}

/// YaRN: pairs that turn more than `beta_fast` times in the original context stay, those that turn less than
/// `beta_slow` times are slowed down, between them it blends.
struct yarn_ramp {
  yarn_ramp(float base, const rope_scaling& s, float values) {
    auto pair_with = [&](float turns) {
      auto original = static_cast<float>(s.original_context);
      return values * std::log(original / (turns * 2 * std::numbers::pi_v<float>)) / (2 * std::log(base));
    };
    first = pair_with(s.beta_fast);
    last = pair_with(s.beta_slow);
    if (s.whole_pairs) {
      first = std::floor(first);
      last = std::ceil(last);
    }
    first = std::max(first, 0.0f);
    last = std::min(last, values - 1);
    if (first == last) last += 0.001f;
  }
  /// How much of a pair is slowed down.
  float share(std::uint32_t pair) const {
    return std::clamp((static_cast<float>(pair) - first) / (last - first), 0.0f, 1.0f);
  }

  float first, last;
};

bool takes_long_factors(const rope_scaling& s, std::uint32_t context) { return context > s.original_context; }

float stretched(float f, std::uint32_t pair, const rope_scaling& s, std::uint32_t context, const yarn_ramp* ramp) {
  switch (s.type) {
    case scaling_kind::none:
    case scaling_kind::dynamic:
      return f;
    case scaling_kind::linear:
      return f / s.factor;
    case scaling_kind::llama3:
      return llama3(f, s);
    case scaling_kind::yarn: {
      auto slowed = ramp->share(pair);
      return f / s.factor * slowed + f * (1 - slowed);
    }
    case scaling_kind::longrope:
      return f / (takes_long_factors(s, context) ? s.long_factors : s.short_factors).at(pair);
  }
  return f;
}

const rope_scaling& scaling_of(const config& c, bool local) { return local ? c.local_scaling : c.scaling; }

}  // namespace

std::vector<float> rotary_frequencies(const config& c, bool local) {
  const auto& s = scaling_of(c, local);
  auto values = static_cast<float>(c.rotary_values());
  auto base = local ? c.local_rope_theta : c.rope_theta;
  if (s.type == scaling_kind::dynamic) base = dynamic_base(base, s, c.context, values);
  std::optional<yarn_ramp> ramp;
  if (s.type == scaling_kind::yarn) ramp.emplace(base, s, values);
  std::vector<float> frequencies(c.rotary_values() / 2);
  for (std::uint32_t j = 0; j < frequencies.size(); ++j)
    frequencies[j] =
        stretched(1.0f / std::pow(base, static_cast<float>(2 * j) / values), j, s, c.context, ramp ? &*ramp : nullptr);
  return frequencies;
}

float rotary_amplitude(const config& c, bool local) {
  const auto& s = scaling_of(c, local);
  if (s.type != scaling_kind::yarn && s.type != scaling_kind::longrope) return 1;
  if (s.attention_factor > 0) return s.attention_factor;
  if (s.factor <= 1) return 1;
  if (s.type == scaling_kind::yarn) return 0.1f * std::log(s.factor) + 1;
  return std::sqrt(1 + std::log(s.factor) / std::log(static_cast<float>(s.original_context)));
}

rotary_table make_rotary_table(const config& c, bool local) {
  auto frequencies = rotary_frequencies(c, local);
  auto amplitude = rotary_amplitude(c, local);
  rotary_table table;
  table.cosines.reserve(std::size_t{c.context} * frequencies.size());
  table.sines.reserve(table.cosines.capacity());
  for (std::uint32_t p = 0; p < c.context; ++p)
    for (auto f : frequencies) {  // as the reference does: of a product of floats
      auto angle = static_cast<float>(p) * f;
      table.cosines.push_back(amplitude * std::cos(angle));
      table.sines.push_back(amplitude * std::sin(angle));
    }
  return table;
}

std::uint32_t rope_choice(const config& c) {
  const auto& s = c.scaling;
  if (s.type == scaling_kind::longrope) return takes_long_factors(s, c.context) ? 2 : 1;
  return s.type == scaling_kind::dynamic && c.context > s.original_context ? c.context : 0;
}

}  // namespace chromatin::model
