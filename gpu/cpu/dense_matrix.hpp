#pragma once

/// Weights as bf16, float or int8 with a scale for each output. Many rows go through AMX or oneDNN; a few, as in
/// decode, through our own kernel over the same bytes, since reading them is all that counts there.

#include <memory>
#include <vector>

#include "gpu/cpu/matrix_part.hpp"
#include "kv/page.hpp"
#include "model/weights.hpp"

namespace chromatin::gpu {

class dense_matrix final : public matrix_part {
 public:
  /// Of `parts` ([n_i][k] each) stacked to one [n][k] matrix. k is even.
  dense_matrix(const std::vector<const model::tensor*>& parts, matrix_options options);

  std::uint32_t begin_packing(const std::vector<const model::tensor*>& parts) override;
  void pack(std::uint32_t piece) override;
  std::uint32_t prepare(const product_call& call) override;
  void piece(std::uint32_t number, const void* x, float* y, matrix_room& room) const override;
  std::uint32_t outputs() const override { return n_; }
  std::size_t bytes() const override { return packed_.size_bytes + scales_.size() * sizeof(float); }
  rounding_loss loss() const override { return sum_of(losses_); }

 private:
  enum class way : std::uint8_t { own, by_tiles, by_rows, by_outputs };
  /// A part of the result.
  struct area {
    std::uint32_t first_row, rows, first_block, blocks;
  };
  std::uint32_t block_count() const { return (n_ + block_outputs - 1) / block_outputs; }
  std::uint32_t outputs_of(const area& a) const;
  const std::uint16_t* packed_values() const { return reinterpret_cast<const std::uint16_t*>(packed_.data.get()); }
  std::int8_t* small_values() const { return reinterpret_cast<std::int8_t*>(packed_.data.get()); }
  void pack_int8(std::uint32_t block);
  way way_for(std::uint32_t rows) const;
  void cut_by_rows(std::uint32_t rows);
  void cut_by_outputs(std::uint32_t rows);
  void multiply_own(const area& a, const void* x, float* y) const;
  void multiply_by_tiles(const area& a, const void* x, float* y, matrix_room& room) const;
  void multiply_onednn(const area& a, const void* x, float* y, matrix_room& room) const;
  const void* weights_of(const area& a, matrix_room& room) const;
  const void* row(const void* x, std::uint32_t r) const;

  matrix_options options_;
  bool int8_;
  std::uint32_t n_ = 0, k_ = 0;
  std::unique_ptr<library_matmul> matmul_;  ///< none for int8 weights with float inputs
  kv::memory_block packed_;            ///< int8 as [n / 64][k / 2][64][2], padded with zeros, else as oneDNN has it
  std::vector<float> scales_;          ///< of int8 weights, [n padded]
  std::vector<rounding_loss> losses_;  ///< of each piece of packing
  std::vector<const model::tensor*> packing_;  ///< what is packed now
  std::uint32_t packing_blocks_ = 1;           ///< of every piece of packing but perhaps the last

  // The product that was prepared last.
  way way_ = way::own;
  product_call call_{};
  std::uint32_t piece_rows_ = 0, piece_blocks_ = 0;     ///< of every piece but perhaps the last
  std::vector<const library_matmul::kernel*> kernels_;  ///< of full pieces and of the last one
};

}  // namespace chromatin::gpu
