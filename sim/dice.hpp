#pragma once

/// Random numbers that are the same on every machine, which those of the standard library's distributions are not.

#include <cmath>
#include <cstdint>
#include <random>

namespace chromatin::sim {

class dice {
 public:
  explicit dice(std::uint64_t seed) : random_{seed} {}

  /// Above 0, below 1.
  double uniform() { return (static_cast<double>(random_() >> 11) + 0.5) * 0x1p-53; }
  double exponential(double mean) { return -mean * std::log(uniform()); }
  double normal() {
    auto length = std::sqrt(-2 * std::log(uniform()));
    return length * std::cos(2 * M_PI * uniform());
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace chromatin::sim
