#include "gpu/cpu/plain/plain_matmul.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "gpu/cpu/kernels.hpp"
#include "gpu/cpu/matmul_library.hpp"

namespace chromatin::gpu {
namespace {

constexpr std::size_t inputs_padding = 32;

std::size_t padded(std::size_t value, std::size_t to) { return (value + to - 1) / to * to; }

float widened(std::uint16_t value) { return std::bit_cast<float>(std::uint32_t{value} << 16); }

/// Of the weight of input i to output j of a block.
std::size_t place(std::size_t i, std::size_t j, bool in_pairs) {
  return in_pairs ? (i / 2 * block_outputs + j) * 2 + i % 2 : i * block_outputs + j;
}

/// sums[j] += x[i] · weights of a block.
void add_block(const float* x, std::size_t k, const float* weights, float* sums) {
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j < block_outputs; ++j) sums[j] += x[i] * weights[i * block_outputs + j];
}

void add_block(const std::uint16_t* x, std::size_t k, const std::uint16_t* weights, float* sums) {
  for (std::size_t i = 0; i < k; i += 2, weights += 2 * block_outputs) {
    auto even = widened(x[i]), odd = widened(x[i + 1]);
    for (std::size_t j = 0; j < block_outputs; ++j)
      sums[j] += even * widened(weights[2 * j]) + odd * widened(weights[2 * j + 1]);
  }
}

template <class Value>
void multiply(const plain_matmul::kernel& what, const Value* x, const Value* packed, float* y) {
  auto block_values = padded(what.k, inputs_padding) * block_outputs;
  for (std::size_t first = 0; first < what.outputs; first += block_outputs, packed += block_values)
    for (std::size_t row = 0; row < what.rows; ++row) {
      float sums[block_outputs]{};
      add_block(x + row * what.k, what.k, packed, sums);
      std::copy_n(sums, std::min<std::size_t>(block_outputs, what.outputs - first), y + row * what.outputs + first);
    }
}

}  // namespace

bool has_bf16_matmul() { return true; }

std::string matmul_description() { return "plain loops"; }

std::size_t plain_matmul::block_bytes() const { return padded(k_, inputs_padding) * block_outputs * (bf16_ ? 2 : 4); }

std::size_t plain_matmul::packed_bytes() const { return padded(n_, block_outputs) / block_outputs * block_bytes(); }

void plain_matmul::pack(const void* rows, std::uint32_t outputs, bool rows_are_bf16, void* packed) const {
  std::memset(packed, 0, padded(outputs, block_outputs) / block_outputs * block_bytes());
  for (std::size_t output = 0; output < outputs; ++output) {
    auto* block = static_cast<std::byte*>(packed) + output / block_outputs * block_bytes();
    for (std::size_t i = 0; i < k_; ++i) {
      auto from = output * k_ + i, to = place(i, output % block_outputs, bf16_);
      auto value = rows_are_bf16 ? widened(static_cast<const std::uint16_t*>(rows)[from])
                                 : static_cast<const float*>(rows)[from];
      if (bf16_)
        kernels().to_bf16(&value, 1, reinterpret_cast<std::uint16_t*>(block) + to);
      else
        reinterpret_cast<float*>(block)[to] = value;
    }
  }
}

const plain_matmul::kernel& plain_matmul::kernel_for(std::uint32_t rows, std::uint32_t outputs) {
  return kernels_.try_emplace({rows, outputs}, kernel{rows, outputs, k_, bf16_}).first->second;
}

void plain_matmul::run(const kernel& what, const void* x, const void* packed, float* y, room&) {
  if (what.bf16)
    multiply(what, static_cast<const std::uint16_t*>(x), static_cast<const std::uint16_t*>(packed), y);
  else
    multiply(what, static_cast<const float*>(x), static_cast<const float*>(packed), y);
}

}  // namespace chromatin::gpu
