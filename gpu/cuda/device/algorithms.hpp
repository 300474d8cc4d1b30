#pragma once

/// Which algorithm is fastest for a product, kept in a file.

#include <array>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "gpu/cuda/products.hpp"

namespace chromatin::gpu::cuda {

struct product_shape {
  std::uint32_t outputs, inputs;
  product::into result;
  std::uint32_t rows;

  auto operator<=>(const product_shape&) const = default;
  bool same_but_rows(const product_shape& other) const {
    return outputs == other.outputs && inputs == other.inputs && result == other.result;
  }
};

/// An algorithm as the library has it (cublasLtMatmulAlgo_t); means something to the same version only.
using algorithm_words = std::array<std::uint64_t, 8>;

/// Stands for multiply_few, our own kernel.
inline constexpr algorithm_words multiply_few_words = [] {
  algorithm_words words{};
  for (auto& word : words) word = ~std::uint64_t{0};
  return words;
}();

/// The file has a line for each choice, `machine` tab `outputs inputs result rows` tab eight hexadecimal words, and a
/// checksum of them all in its last line. One that is damaged is as good as none. Choices of other machines are kept.
class algorithm_choices {
 public:
  /// Reads the file, if there is one. `machine` is all that a choice depends on besides the shape: the device, its
  /// driver, the library, our own kernel. An empty path: nothing is kept.
  algorithm_choices(std::filesystem::path file, std::string machine);

  bool has(const product_shape& shape) const { return chosen().contains(shape); }
  /// The choice for this shape or for the next larger number of rows.
  std::optional<algorithm_words> at_least(const product_shape& shape) const;
  void put(const product_shape& shape, const algorithm_words& algorithm) { all_[machine_][shape] = algorithm; }
  /// Replaces the file. False when it cannot be written: the choices then live as long as the process.
  bool save() const;

 private:
  using choices = std::map<product_shape, algorithm_words>;
  const choices& chosen() const { return all_.at(machine_); }

  const std::filesystem::path file_;
  const std::string machine_;
  std::map<std::string, choices> all_;  ///< by machine
};

}  // namespace chromatin::gpu::cuda
