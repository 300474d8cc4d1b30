#include "gpu/cuda/emulated/products.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "gpu/cuda/emulated/stream.hpp"
#include "kv/check.hpp"

namespace chromatin::gpu::cuda {

namespace {

float widened(std::uint16_t bf16) { return std::bit_cast<float>(std::uint32_t{bf16} << 16); }

/// To the nearest, to even when there are two; a NaN stays one.
std::uint16_t rounded(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// Sixteen sums side by side, so that the compiler has vectors to add.
float dot(const float* x, const std::uint16_t* w, std::size_t count) {
  constexpr std::size_t lanes = 16;
  std::array<float, lanes> sums{};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += x[i + lane] * widened(w[i + lane]);
  for (; i < count; ++i) sums[i % lanes] += x[i] * widened(w[i]);
  float sum = 0;
  for (auto s : sums) sum += s;
  return sum;
}

void multiply_row(const product& p, const std::uint16_t* x, void* y, std::size_t row) {
  std::vector<float> wide(p.inputs);
  for (std::size_t i = 0; i < p.inputs; ++i) wide[i] = widened(x[row * p.inputs + i]);
  const auto* weights = static_cast<const std::uint16_t*>(p.weights);
  for (std::size_t o = 0; o < p.outputs; ++o) {
    auto sum = dot(wide.data(), weights + o * p.inputs, p.inputs);
    auto at = row * p.outputs + o;
    switch (p.result) {
      case product::into::bf16:
        static_cast<std::uint16_t*>(y)[at] = rounded(sum);
        break;
      case product::into::floats:
        static_cast<float*>(y)[at] = sum;
        break;
      case product::into::float_sums:
        static_cast<float*>(y)[at] += sum;
        break;
    }
  }
}

class emulated_products final : public products {
 public:
  explicit emulated_products(std::shared_ptr<const emulated_memory> memory) : memory_{std::move(memory)} {}

  void multiply(stream where, const product& p, const void* x, std::uint32_t rows, void* y) override {
    CHROMATIN_CHECK(rows > 0 && x != y, "a product has rows, and does not overwrite what it reads");
    for (const auto* operand : {p.weights, x, static_cast<const void*>(y)})
      CHROMATIN_CHECK(reinterpret_cast<std::uintptr_t>(operand) % 16 == 0,
                      "operands of a product are aligned to 16 bytes");
    check(p, x, rows, y);
    // Checked a second time when it is drawn: by then the memory may have been given back.
    where->enqueue([this, p, x, rows, y](std::uint64_t) {
      check(p, x, rows, y);
      for (std::uint32_t row = 0; row < rows; ++row) multiply_row(p, static_cast<const std::uint16_t*>(x), y, row);
    });
  }

  void tune(const product&, std::uint32_t) override {}
  bool rows_are_independent() const override { return true; }
  std::string description() const override { return "emulated"; }

 private:
  void check(const product& p, const void* x, std::size_t rows, const void* y) const {
    constexpr std::size_t bf16_bytes = 2;
    auto result_bytes = p.result == product::into::bf16 ? bf16_bytes : sizeof(float);
    memory_->use(p.weights, bf16_bytes * p.outputs * p.inputs);
    memory_->use(x, bf16_bytes * rows * p.inputs);
    memory_->use(y, result_bytes * rows * p.outputs);
  }

  std::shared_ptr<const emulated_memory> memory_;
};

}  // namespace

std::unique_ptr<products> make_emulated_products(std::shared_ptr<const emulated_memory> memory) {
  return std::make_unique<emulated_products>(std::move(memory));
}

}  // namespace chromatin::gpu::cuda
