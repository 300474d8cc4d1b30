#include "model/rope.hpp"

#include <cmath>
#include <numbers>

namespace chromatin::model {
namespace {

/// Llama 3's stretching: what turns slowly is slowed down by `factor`, what turns fast stays, between them it blends.
float llama3(float frequency, const rope_scaling& s) {
  auto wavelength = 2 * std::numbers::pi_v<float> / frequency;
  auto original = static_cast<float>(s.original_context);
  if (wavelength < original / s.high_frequency_factor) return frequency;
  if (wavelength > original / s.low_frequency_factor) return frequency / s.factor;
  auto fast = (original / wavelength - s.low_frequency_factor) / (s.high_frequency_factor - s.low_frequency_factor);
  return (1 - fast) * frequency / s.factor + fast * frequency;
}

}  // namespace

std::vector<float> rotary_frequencies(const config& c) {
  std::vector<float> frequencies(c.head_dim / 2);
  for (std::uint32_t j = 0; j < frequencies.size(); ++j) {
    auto f = 1.0f / std::pow(c.rope_theta, static_cast<float>(2 * j) / static_cast<float>(c.head_dim));
    switch (c.scaling.type) {
      case rope_scaling::kind::none:
        break;
      case rope_scaling::kind::linear:
        f /= c.scaling.factor;
        break;
      case rope_scaling::kind::llama3:
        f = llama3(f, c.scaling);
        break;
    }
    frequencies[j] = f;
  }
  return frequencies;
}

}  // namespace chromatin::model
