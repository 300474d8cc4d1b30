#pragma once

/// oneDNN's matmul, one thread a call: y[rows][n] = x[rows][k] · W, where W is packed once and any run of blocks of 64
/// outputs can be multiplied by itself.

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <vector>

#include <dnnl.hpp>

namespace chromatin::gpu {

/// Makes kernels, which all matrices with as many inputs share: a mixture of experts has thousands of matrices. oneDNN
/// divides its work by the number of OpenMP's threads, which is to be one wherever kernels are made and run.
class onednn_matmul {
 public:
  /// May run on several threads at once.
  struct kernel {
    dnnl::matmul run;
    dnnl::memory::desc x, weights, y, scratchpad;
  };
  class room;

  /// Packed weights lie as [n / 64][k / 2][64][2] in bf16, which our own kernels read too, and as [n / 64][k][64] in
  /// float, k and n padded with zeros to multiples of 32 or 16 and 64; where oneDNN has no fast kernel for that, they
  /// stay [n][k].
  onednn_matmul(std::uint32_t k, std::uint32_t n, bool bf16);

  bool lies_in_blocks() const;
  bool lies_in_pairs() const;
  std::size_t packed_bytes() const;
  /// From one block of outputs to the next.
  std::size_t block_bytes() const;
  /// Packs the [outputs][k] rows (bf16 or float) of neighbouring blocks to where the first of them lies.
  void pack(const void* rows, std::uint32_t outputs, bool rows_are_bf16, void* packed) const;

  /// For `rows` of x and so many neighbouring outputs; made at the first call, valid as long as this.
  const kernel& kernel_for(std::uint32_t rows, std::uint32_t outputs);
  static void run(const kernel& what, const void* x, const void* packed, float* y, room& of);

 private:
  struct kernel_set;
  static std::shared_ptr<kernel_set> kernels_of(std::uint32_t k, std::uint32_t outputs, dnnl::memory::data_type type);

  std::uint32_t n_;
  std::shared_ptr<kernel_set> set_;
};

/// What a thread needs to run kernels, which must not go before it.
class onednn_matmul::room {
 public:
  room();

 private:
  friend class onednn_matmul;
  /// Kept, since making it costs as much as a small product, and telling oneDNN where padded weights are makes it write
  /// their padding.
  struct call {
    const void* weights = nullptr;
    std::unordered_map<int, dnnl::memory> arguments;
  };
  call& call_for(const kernel& what);

  dnnl::stream stream_;
  std::vector<std::byte> scratchpad_;
  std::unordered_map<const kernel*, call> calls_;
};

}  // namespace chromatin::gpu
