#pragma once

/// Every launcher of the table; kernels.hpp says what each does.

#include "gpu/cuda/kernels/device.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

void embed(stream, const std::uint16_t* table, std::uint32_t vocabulary, std::uint32_t hidden,
           const std::uint32_t* tokens, std::uint32_t rows, float* out);
void rms_norm(stream, const float* x, const float* gain, float eps, std::uint32_t hidden,
              const std::uint32_t* row_numbers, std::uint32_t rows, std::uint16_t* out);
void store(stream, const batch_view&, const attention_shape&, const float* bias, std::uint16_t* qkv,
           std::uint16_t* rotated_keys);
void attention_prefill(stream, const attention_args&);
void attention_decode(stream, const attention_args&);
extern const std::uint32_t attention_prefill_rows;
void silu_mul(stream, const std::uint16_t* gate_up, std::uint32_t ffn, std::uint32_t rows, std::uint16_t* out);
void argmax(stream, const float* logits, std::uint32_t vocabulary, std::uint32_t rows, std::uint32_t* tokens,
            std::uint32_t* broken);
void checksum(stream, const checksum_view* views, std::uint32_t count, std::uint64_t* sums);
void pack(stream, const std::byte* slice, std::uint32_t heads, std::uint32_t head_bytes, std::uint32_t used_bytes,
          std::size_t packed_bytes, std::byte* packed);
void unpack(stream, const std::byte* packed, std::uint32_t heads, std::uint32_t head_bytes, std::uint32_t used_bytes,
            std::byte* slice);
void candidates(stream, const float* logits, std::uint32_t vocabulary, std::uint32_t rows, std::uint32_t count,
                const float* inverse_temperatures, candidate* out, logits_summary* summaries);
void multiply_few(stream, const std::uint16_t* weights, std::uint32_t outputs, std::uint32_t inputs,
                  const std::uint16_t* x, std::uint32_t rows, product_result result, void* y);

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
