#include "gpu/cuda/emulated/product.hpp"

#include <bit>
#include <cstring>

namespace chromatin::gpu::cuda::emulated {
namespace {

constexpr std::uint32_t rows = 8, pairs = 4;  // of a quarter of a; a pair is two numbers of bf16 beside each other

/// Of a row of the product, every other column.
typedef float half_row __attribute__((vector_size(16)));

float low(std::uint32_t pair) { return std::bit_cast<float>(pair << 16); }
float high(std::uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000u); }

}  // namespace

/// Lane 4 · i + j has pair j of row i of each quarter of a, pair j of column i of each half of b, and in d[0] and d[1]
/// columns 2j and 2j + 1 of row i, in d[2] and d[3] those of row i + 8.
void product(exchange& of) {
  half_row b[2 * pairs][2][2];  // [pair][which of the pair][even and odd columns]
  for (std::uint32_t pair = 0; pair < 2 * pairs; ++pair)
    for (std::uint32_t column = 0; column < 8; ++column) {
      auto two = of.b[pair / pairs][column * pairs + pair % pairs];
      b[pair][0][column % 2][column / 2] = low(two);
      b[pair][1][column % 2][column / 2] = high(two);
    }
  for (std::uint32_t row = 0; row < 2 * rows; ++row) {
    auto lower = row / rows, first_lane = row % rows * pairs;
    half_row even, odd;
    std::memcpy(&even, &of.d[2 * lower][first_lane], sizeof even);
    std::memcpy(&odd, &of.d[2 * lower + 1][first_lane], sizeof odd);
    for (std::uint32_t pair = 0; pair < 2 * pairs; ++pair) {
      auto two = of.a[lower + pair / pairs * 2][first_lane + pair % pairs];
      even += low(two) * b[pair][0][0];
      odd += low(two) * b[pair][0][1];
      even += high(two) * b[pair][1][0];
      odd += high(two) * b[pair][1][1];
    }
    std::memcpy(&of.d[2 * lower][first_lane], &even, sizeof even);
    std::memcpy(&of.d[2 * lower + 1][first_lane], &odd, sizeof odd);
  }
}

}  // namespace chromatin::gpu::cuda::emulated
