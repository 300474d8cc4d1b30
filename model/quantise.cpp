#include "model/quantise.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "model/half.hpp"

namespace chromatin::model {
namespace {

constexpr std::size_t group = 32, k_groups = 8, k_values = group * k_groups;
using group_values = std::span<const float, group>;

/// Values are scale · number − minimum.
struct affine {
  float scale = 0, minimum = 0;
};

void put_half(std::byte* to, std::uint16_t half) { std::memcpy(to, &half, sizeof half); }

/// The nearest of 0 … most; also for what is not finite.
int nearest(float value, int most) {
  constexpr float round_magic = 12582912.0f;  // 1.5 · 2^23: adding it rounds
  auto rounded = std::min(static_cast<float>(most), std::max(0.0f, value)) + round_magic - round_magic;
  return static_cast<int>(rounded);
}

float inverse_of(float scale) { return scale == 0 ? 0.0f : 1 / scale; }

/// The squared error of a group whose numbers are rounded for this scale and minimum. Moves them to where they are best
/// for these numbers, in the sense of least squares.
float fit(group_values x, int most, affine& a) {
  float n_sum = 0, nn = 0, x_sum = 0, xn = 0, xx = 0;
  auto inverse = inverse_of(a.scale);
  for (auto v : x) {
    auto n = static_cast<float>(nearest((v + a.minimum) * inverse, most));
    n_sum += n;
    nn += n * n;
    x_sum += v;
    xn += v * n;
    xx += v * v;
  }
  constexpr float count = group;
  auto spread = count * nn - n_sum * n_sum;
  if (spread > 0) {
    a.scale = (count * xn - n_sum * x_sum) / spread;
    a.minimum = (a.scale * n_sum - x_sum) / count;
  }
  if (spread <= 0 || a.minimum < 0) {  // the format has no negative ones
    a.minimum = 0;
    a.scale = nn > 0 ? xn / nn : a.scale;
  }
  return xx - 2 * (a.scale * xn - a.minimum * x_sum) + a.scale * a.scale * nn - 2 * a.scale * a.minimum * n_sum +
         count * a.minimum * a.minimum;
}

/// Tries scales around the one that covers all values: a few large values are worth less than the many others.
affine best_affine(group_values x, int most) {
  auto [low, high] = std::minmax_element(x.begin(), x.end());
  auto least = std::min(*low, 0.0f), range = *high - least;
  affine best;
  if (!(range > 0)) return best;
  float best_error = INFINITY;
  constexpr int tries = 8;
  for (int t = 0; t < tries; ++t) {
    affine a{range / (static_cast<float>(most) + 0.3f * static_cast<float>(t) - 0.6f), -least};
    auto error = fit(x, most, a);
    if (error < best_error && a.scale > 0) {
      best_error = error;
      best = a;
    }
  }
  return best;
}

void quantise_q8_0(group_values x, std::byte* block) {
  float largest = 0;
  for (auto v : x) largest = std::max(largest, std::abs(v));
  auto half = f32_to_f16(largest / 127);
  auto inverse = inverse_of(f16_to_f32(half));
  put_half(block, half);
  for (std::size_t i = 0; i < group; ++i)
    block[2 + i] = static_cast<std::byte>(nearest(x[i] * inverse + 128, 255) - 128);
}

/// Numbers reach from -8 to 7, so that the value of the largest magnitude is best -8 scales.
void quantise_q4_0(group_values x, std::byte* block) {
  auto largest = *std::max_element(x.begin(), x.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
  float best_error = INFINITY, best = 0;
  constexpr int tries = 9;
  for (int t = 0; t < tries && largest != 0; ++t) {
    auto scale = f16_to_f32(f32_to_f16(largest / (-6.8f - 0.2f * static_cast<float>(t))));
    float error = 0;
    for (auto v : x) {
      auto lost = v - scale * static_cast<float>(nearest(v * inverse_of(scale) + 8, 15) - 8);
      error += lost * lost;
    }
    if (error < best_error) {
      best_error = error;
      best = scale;
    }
  }
  put_half(block, f32_to_f16(best));
  auto number = [&](std::size_t i) { return nearest(x[i] * inverse_of(best) + 8, 15); };
  for (std::size_t i = 0; i < group / 2; ++i)
    block[2 + i] = static_cast<std::byte>(number(i) | number(i + group / 2) << 4);
}

/// Where block_quants.cpp's take_scales() finds them.
void put_scales(const std::array<int, k_groups>& scales, const std::array<int, k_groups>& minimums, std::byte* to) {
  for (std::size_t g = 0; g < 4; ++g) {
    to[g] = static_cast<std::byte>(scales[g] | scales[g + 4] >> 4 << 6);
    to[g + 4] = static_cast<std::byte>(minimums[g] | minimums[g + 4] >> 4 << 6);
    to[g + 8] = static_cast<std::byte>((scales[g + 4] & 15) | (minimums[g + 4] & 15) << 4);
  }
}

void quantise_q4_k(std::span<const float, k_values> x, std::byte* block) {
  constexpr int small_max = 63;
  std::array<affine, k_groups> wanted;
  float scale_max = 0, minimum_max = 0;
  for (std::size_t g = 0; g < k_groups; ++g) {
    wanted[g] = best_affine(group_values{x.subspan(g * group, group)}, 15);
    scale_max = std::max(scale_max, wanted[g].scale);
    minimum_max = std::max(minimum_max, wanted[g].minimum);
  }
  auto factor = f32_to_f16(scale_max / small_max), least = f32_to_f16(minimum_max / small_max);
  auto wide_factor = f16_to_f32(factor), wide_least = f16_to_f32(least);
  put_half(block, factor);
  put_half(block + 2, least);
  std::array<int, k_groups> scales, minimums;
  std::array<std::uint8_t, k_values> numbers;
  for (std::size_t g = 0; g < k_groups; ++g) {
    scales[g] = nearest(wanted[g].scale * inverse_of(wide_factor), small_max);
    minimums[g] = nearest(wanted[g].minimum * inverse_of(wide_least), small_max);
    auto scale = wide_factor * static_cast<float>(scales[g]), minimum = wide_least * static_cast<float>(minimums[g]);
    for (std::size_t i = g * group; i < (g + 1) * group; ++i)
      numbers[i] = static_cast<std::uint8_t>(nearest((x[i] + minimum) * inverse_of(scale), 15));
  }
  put_scales(scales, minimums, block + 4);
  for (std::size_t i = 0; i < k_values / 2; ++i) {
    auto first = i / group * 2 * group + i % group;
    block[16 + i] = static_cast<std::byte>(numbers[first] | numbers[first + group] << 4);
  }
}

}  // namespace

element q4_kind(std::uint64_t row_values) {
  if (fits_row(element::q4_k, row_values)) return element::q4_k;
  return fits_row(element::q4_0, row_values) ? element::q4_0 : element::other;
}

void quantise(element type, std::span<const float> values, std::span<std::byte> blocks) {
  const auto how = layout_of(type);
  for (std::size_t b = 0; b < values.size() / how.block_values; ++b) {
    const auto* from = values.data() + b * how.block_values;
    auto* to = blocks.data() + b * how.block_bytes;
    switch (type) {
      case element::q8_0:
        quantise_q8_0(group_values{from, group}, to);
        break;
      case element::q4_0:
        quantise_q4_0(group_values{from, group}, to);
        break;
      case element::q4_k:
        quantise_q4_k(std::span<const float, k_values>{from, k_values}, to);
        break;
      default:
        throw std::invalid_argument("floats are not rounded to this kind");
    }
  }
}

}  // namespace chromatin::model
