#pragma once

/// Feed-forward blocks of which every token takes a few (a mixture of experts). The tokens of one expert lie together,
/// so that its product is over them alone.

#include <cstdint>
#include <vector>

#include "gpu/cpu/kernels.hpp"
#include "gpu/cpu/layer_weights.hpp"

namespace chromatin::gpu {

/// Everything but piece() and the functions of a row runs alone. Rows are those of the batch.
class expert_block {
 public:
  expert_block(const model::config& c, bool bf16, const kernel_table& kernels);

  /// Chooses each row's experts from the router's logits, [rows][experts], and gives them places.
  void route(const float* logits, std::uint32_t rows);
  /// Copies a row's input (bf16 or float) to its places.
  void take(std::size_t row, const void* inputs);
  /// A product of every expert that has rows: how many pieces it has, and one of them.
  std::uint32_t prepare(std::vector<feed_forward>& blocks, packed_matrix feed_forward::*which);
  void piece(std::uint32_t number, bool down, matrix_room& room);
  void gate(std::size_t row);
  /// The sum of what the row's experts say, by their shares.
  void combine(std::size_t row, float* out) const;

 private:
  struct choice {
    std::uint32_t expert, place;
    float share;
  };
  /// Rows of one expert, from a place on.
  struct group {
    std::uint32_t expert, first_place, rows;
    const packed_matrix* matrix;  ///< of the product that was prepared last
    std::uint32_t first_piece;
  };
  void choose(const float* logits, choice* chosen);
  std::size_t value_bytes() const { return bf16_ ? 2 : 4; }

  std::uint32_t experts_, per_token_, hidden_, ffn_;
  bool normalised_, bf16_;
  model::activation gate_;
  const kernel_table& kernels_;
  std::vector<choice> choices_;  ///< [rows][per_token]
  std::vector<group> groups_;
  std::vector<std::uint32_t> order_;       ///< of choose()
  line_vector<std::byte> inputs_, gated_;  ///< [places][hidden], [places][ffn]: bf16 or float
  line_vector<float> gate_up_, results_;   ///< [places][2 · ffn], [places][hidden]
};

}  // namespace chromatin::gpu
