#include <algorithm>

#include <fmt/format.h>

#include "bench/gpu/parts.hpp"

namespace chromatin::bench {
namespace {

struct named_product {
  const char* name;
  gpu::cuda::product of;
};

/// Of one layer, and the head; each with a matrix of its own, in turns, so that the cache has none of them.
std::vector<named_product> products_of(const model::config& c) {
  using enum gpu::cuda::product::into;
  const auto q = c.heads * c.head_dim;
  return {{"qkv", {.outputs = q + 2 * c.kv_heads * c.head_dim, .inputs = c.hidden, .result = bf16}},
          {"output", {.outputs = c.hidden, .inputs = q, .result = float_sums}},
          {"gate_up", {.outputs = 2 * c.ffn, .inputs = c.hidden, .result = bf16}},
          {"down", {.outputs = c.hidden, .inputs = c.ffn, .result = float_sums}},
          {"head", {.outputs = c.vocabulary, .inputs = c.hidden, .result = floats}}};
}

}  // namespace

void measure_products(workbench& on, const model::config& shape, const gpu_bench_sizes& sizes,
                      const machine_limits& limits, report& to) {
  to.section("The model's products alone");
  auto& multiplier = on.device().multiplier();
  for (auto [name, p] : products_of(shape)) {
    const auto matrix_bytes = std::size_t{2} * p.outputs * p.inputs;
    const auto copies = std::max<std::size_t>(1, sizes.copy_bytes / 2 / matrix_bytes);
    auto weights = on.random(copies * matrix_bytes);
    const auto rows_max = *std::max_element(sizes.product_rows.begin(), sizes.product_rows.end());
    auto x = on.random(std::size_t{2} * rows_max * p.inputs), y = on.random(std::size_t{4} * rows_max * p.outputs);
    p.weights = weights.data.get();
    multiplier.tune(p, rows_max);
    for (auto rows : sizes.product_rows) {
      auto all = on.seconds([&] {
        for (std::size_t i = 0; i < copies; ++i) {
          p.weights = weights.data.get() + i * matrix_bytes;
          multiplier.multiply(on.stream(), p, x.data.get(), rows, y.data.get());
        }
      });
      const auto s = all / static_cast<double>(copies);
      const auto bytes = static_cast<double>(matrix_bytes) + 2.0 * rows * p.inputs + 2.0 * rows * p.outputs;
      to.add(
          {.key = fmt::format("product.{}.{}.us", name, rows),
           .name = fmt::format("{} of {} rows", name, rows),
           .value = s * 1e6,
           .unit = "us",
           .beside = fmt::format("{:.0f} GB/s, {:.0f} % of copying; {:.0f} TFLOP/s", bytes / s * 1e-9,
                                 100 * bytes / s / limits.copy_bytes_per_s, 2e-12 * rows * p.outputs * p.inputs / s)});
    }
  }
}

}  // namespace chromatin::bench
