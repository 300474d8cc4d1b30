#pragma once

/// oneDNN's matmul with its kernels kept: y[rows][n] = x[rows][k] · W, where W is packed once.

#include <map>
#include <span>
#include <utility>

#include <dnnl.hpp>

namespace chromatin::gpu {

/// Shape and types of a product; the layout of its packed weights follows from them.
class onednn_matmul {
 public:
  /// With `pairs_of_64`, packed weights lie as [n / 64][k / 2][64][2] (k and n padded with zeros to multiples of 32 and
  /// 64), which our own kernels read too; see lies_in_pairs(). `column_scales`, [n] or empty, multiply the result.
  onednn_matmul(std::uint32_t k, std::uint32_t n, bool bf16, bool pairs_of_64, std::span<const float> column_scales);

  /// False where oneDNN has no fast kernel for that layout; then it is one of oneDNN's own choice.
  bool lies_in_pairs() const { return lies_in_pairs_; }
  const dnnl::memory::desc& layout() const { return layout_; }
  /// Packs [n][k] rows (bf16 or float) into memory of layout()'s size.
  void pack(const void* rows, bool rows_are_bf16, void* packed) const;
  void run(const void* x, const void* packed, float* y, std::uint32_t rows);

  static const dnnl::engine& engine();

 private:
  struct made {
    dnnl::matmul run;
    dnnl::memory x, weights, y;
  };
  dnnl::matmul::primitive_desc describe(std::uint32_t rows, const dnnl::memory::desc& weights) const;
  made& kernel_for(std::uint32_t rows);

  std::uint32_t k_, n_;
  dnnl::memory::data_type type_;
  dnnl::primitive_attr attributes_;
  dnnl::memory::desc layout_;
  bool lies_in_pairs_ = false;
  dnnl::stream stream_;
  std::map<std::pair<std::uint32_t, int>, made> by_rows_and_threads_;
};

}  // namespace chromatin::gpu
