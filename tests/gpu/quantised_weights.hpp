#pragma once

/// Block-quantised tensors of random bytes, and what they stand for.

#include <random>
#include <string>
#include <vector>

#include "model/half.hpp"
#include "model/weights.hpp"

namespace chromatin::gpu {

inline const std::vector<model::element> quantised_kinds{
    model::element::q8_0, model::element::q4_0, model::element::q4_1, model::element::q5_0,  model::element::q5_1,
    model::element::q4_k, model::element::q5_k, model::element::q6_k, model::element::iq4_nl};

struct quantised_weights {
  std::vector<std::byte> bytes;
  std::vector<float> values;  ///< [n][k]
  model::tensor tensor;

  quantised_weights(model::element kind, std::uint32_t n, std::uint32_t k, unsigned seed = 1) {
    const auto how = model::layout_of(kind);
    std::mt19937 random{seed};
    bytes.resize(n * model::row_bytes(kind, k));
    for (auto& b : bytes) b = static_cast<std::byte>(random());
    std::uniform_real_distribution<float> factor{0.001f, 0.01f};
    for (std::size_t block = 0; block < bytes.size(); block += how.block_bytes) {
      auto put = [&](std::size_t offset, float value) {
        auto half = model::f32_to_f16(value);
        bytes[block + offset] = static_cast<std::byte>(half);
        bytes[block + offset + 1] = static_cast<std::byte>(half >> 8);
      };
      auto scale = random() % 2 == 0 ? factor(random) : -factor(random);
      put(kind == model::element::q6_k ? 208 : 0, how.nested ? scale / 32 : scale);
      if (how.has_minimums) put(2, how.nested ? factor(random) / 8 : factor(random));
    }
    tensor = {{n, k}, kind, bytes, std::string{how.name}};
    values.resize(std::size_t{n} * k);
    model::to_f32(tensor, values);
  }
  quantised_weights(const quantised_weights&) = delete;
  quantised_weights& operator=(const quantised_weights&) = delete;
};

}  // namespace chromatin::gpu
