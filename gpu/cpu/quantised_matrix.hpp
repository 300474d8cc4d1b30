#pragma once

/// Block-quantised weights, kept in their bits. A few rows, as in decode, are multiplied by our own kernel, which reads
/// each weight once; for many rows pieces of the weights become floats, which AMX or oneDNN
/// multiplies.

#include <memory>
#include <vector>

#include "gpu/cpu/matrix_part.hpp"
#include "kv/page.hpp"
#include "model/weights.hpp"

namespace chromatin::gpu {

class quantised_matrix final : public matrix_part {
 public:
  /// Of `parts` ([n_i][k] each) stacked to one [n][k] matrix of `kind`: all of them are of that kind, or of floats,
  /// which are rounded to it.
  quantised_matrix(const std::vector<const model::tensor*>& parts, model::element kind, matrix_options options);

  std::uint32_t begin_packing(const std::vector<const model::tensor*>& parts) override;
  void pack(std::uint32_t piece) override;
  std::uint32_t prepare(const product_call& call) override;
  void piece(std::uint32_t number, const void* x, float* y, matrix_room& room) const override;
  std::uint32_t outputs() const override { return n_; }
  std::size_t bytes() const override { return packed_.size_bytes; }
  rounding_loss loss() const override { return sum_of(losses_); }

 private:
  /// Of one of our own kernel's pieces any strips, else whole blocks of them.
  struct strip_range {
    std::uint32_t first, end;
  };
  struct output_range {
    std::uint32_t first, count;
  };
  std::uint32_t strips() const;
  std::uint32_t blocks() const { return (n_ + block_outputs - 1) / block_outputs; }
  quant_strip strip(std::uint32_t number) const;
  std::uint32_t wanted_strips() const;
  const std::byte* row_to_pack(std::uint32_t output, std::span<std::byte> room, rounding_loss& loss) const;
  const void* row(const void* x, std::uint32_t r) const;
  const quant_inputs* read(const void* x, matrix_room& room) const;
  void multiply_own(strip_range range, const void* x, float* y, matrix_room& room) const;
  void multiply_by_tiles(strip_range range, const void* x, float* y, matrix_room& room) const;
  void multiply_onednn(strip_range range, const void* x, float* y, matrix_room& room) const;
  const void* unpack(strip_range range, matrix_room& room) const;
  output_range outputs_of(strip_range range) const;

  matrix_options options_;
  model::element kind_;
  std::uint32_t n_ = 0, k_ = 0;
  kv::memory_block packed_;
  std::size_t strip_bytes_ = 0;
  std::vector<rounding_loss> losses_;          ///< of each piece of packing
  std::vector<const model::tensor*> packing_;  ///< what is packed now
  library_matmul matmul_;                      ///< of unpacked weights

  // The product that was prepared last.
  product_call call_{};
  enum class way : std::uint8_t { own, tiles, onednn } way_ = way::own;
  std::uint32_t piece_strips_ = 0;                      ///< of every piece but perhaps the last
  std::uint32_t piece_rows_ = 0;                        ///< of a call of oneDNN
  std::vector<const library_matmul::kernel*> kernels_;  ///< of full pieces and of the last one
};

}  // namespace chromatin::gpu
