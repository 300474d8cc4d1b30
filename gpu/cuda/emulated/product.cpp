#include "gpu/cuda/emulated/product.hpp"

#include <bit>

namespace chromatin::gpu::cuda::emulated {
namespace {

constexpr std::uint32_t rows = 16, columns = 8, inner = 16;

void widen(std::uint32_t two, float& low, float& high) {
  low = std::bit_cast<float>(two << 16);
  high = std::bit_cast<float>(two & 0xffff0000u);
}

}  // namespace

void product(exchange* lanes) {
  float a[rows][inner], b[inner][columns], d[rows][columns];
  for (std::uint32_t lane = 0; lane < warp_lanes; ++lane) {
    const auto& given = lanes[lane];
    auto group = lane / 4, pair = lane % 4 * 2;
    for (std::uint32_t i = 0; i < 4; ++i) {
      auto row = group + i % 2 * 8, k = pair + i / 2 * 8;
      widen(given.a[i], a[row][k], a[row][k + 1]);
      d[group + i / 2 * 8][pair + i % 2] = given.d[i];
    }
    for (std::uint32_t i = 0; i < 2; ++i) widen(given.b[i], b[pair + i * 8][group], b[pair + i * 8 + 1][group]);
  }
  for (std::uint32_t row = 0; row < rows; ++row)
    for (std::uint32_t k = 0; k < inner; ++k)
      for (std::uint32_t column = 0; column < columns; ++column) d[row][column] += a[row][k] * b[k][column];
  for (std::uint32_t lane = 0; lane < warp_lanes; ++lane)
    for (std::uint32_t i = 0; i < 4; ++i) lanes[lane].d[i] = d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
}

}  // namespace chromatin::gpu::cuda::emulated
