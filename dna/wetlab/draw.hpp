#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>

namespace chromatin::dna::wetlab {

using generator = std::mt19937_64;

/// How many of `count` things happen, each with `chance`. Small numbers are drawn exactly, large ones as a normal
/// variable; `count` may be a fraction, which is then one more thing with that chance.
inline double draw_of(double count, double chance, generator& random) {
  if (count <= 0 || chance <= 0) return 0;
  if (chance >= 1) return count;
  const double mean = count * chance;
  if (mean > 100 && count - mean > 100)
    return std::clamp(std::normal_distribution<double>{mean, std::sqrt(mean * (1 - chance))}(random), 0.0, count);
  if (mean > 100) return count - draw_of(count, 1 - chance, random);
  if (count > 1e4) return static_cast<double>(std::poisson_distribution<std::int64_t>{mean}(random));
  const double whole = std::floor(count);
  const auto extra = std::bernoulli_distribution{count - whole}(random) ? 1 : 0;
  return static_cast<double>(
      std::binomial_distribution<std::int64_t>{static_cast<std::int64_t>(whole) + extra, chance}(random));
}

}  // namespace chromatin::dna::wetlab
