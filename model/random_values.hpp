#pragma once

/// Random numbers for made checkpoints.

#include <bit>
#include <cstdint>

namespace chromatin::model {

/// SplitMix64: small, fast, and the same on every machine.
struct random_values {
  std::uint64_t state;
  std::uint64_t next() {
    auto z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// About normal: the sum of four uniform values.
  float normal(float deviation) {
    auto bits = next();
    auto sum = static_cast<float>(bits & 0xffff) + static_cast<float>(bits >> 16 & 0xffff) +
               static_cast<float>(bits >> 32 & 0xffff) + static_cast<float>(bits >> 48);
    return (sum - 2 * 65535.0f) * (deviation / 37837.0f);
  }
};

inline std::uint16_t to_bf16(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

}  // namespace chromatin::model
