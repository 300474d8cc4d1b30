#pragma once

/// Products in plain loops, with the interface of onednn_matmul and for the same packed form, for machines that have a
/// GPU and no oneDNN: there the CPU backend is an oracle, not an executor.

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

namespace chromatin::gpu {

class plain_matmul {
 public:
  struct kernel {
    std::uint32_t rows, outputs, k;
    bool bf16;
  };
  struct room {};

  /// Weights lie as [n / 64][k / 2][64][2] in bf16, as [n / 64][k][64] in float, k and n padded with zeros to multiples
  /// of 32 and 64.
  plain_matmul(std::uint32_t k, std::uint32_t n, bool bf16) : k_{k}, n_{n}, bf16_{bf16} {}

  static bool lies_in_blocks() { return true; }
  bool lies_in_pairs() const { return bf16_; }
  std::size_t packed_bytes() const;
  std::size_t block_bytes() const;
  /// Packs the [outputs][k] rows (bf16 or float) of neighbouring blocks to where the first of them lies.
  void pack(const void* rows, std::uint32_t outputs, bool rows_are_bf16, void* packed) const;

  /// For `rows` of x and so many neighbouring outputs; stays valid.
  const kernel& kernel_for(std::uint32_t rows, std::uint32_t outputs);
  static void run(const kernel& what, const void* x, const void* packed, float* y, room& of);

 private:
  std::uint32_t k_, n_;
  bool bf16_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, kernel> kernels_;
};

}  // namespace chromatin::gpu
