/// Embedding: out[row] = table[tokens[row]], bf16 widened to float.
///
/// A thread moves 8 values: 16 bytes in, 32 out. Blocks: x = rows, y = pieces of a row.
///
/// Address and bounds: a token beyond the table counts as its last one, so table[token · hidden + 8i …] lies within it
/// for 8i + 8 <= hidden, which is checked per thread; hidden is a multiple of 8, hence aligned to 16.

#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t threads = 256, values = 8;

KERNEL_BOUNDS(threads, 4)
void embed_rows(const std::uint16_t* table, std::uint32_t vocabulary, std::uint32_t hidden, const std::uint32_t* tokens,
                float* out) {
  auto at = (block_y() * threads + thread_x()) * values;
  if (at >= hidden) return;
  auto token = tokens[block_x()];
  if (token >= vocabulary) token = vocabulary - 1;
  auto from = load_16(table + std::size_t{token} * hidden + at);
  auto* to = out + std::size_t{block_x()} * hidden + at;
  UNROLL for (std::uint32_t i = 0; i < 2; ++i) {
    auto a = from.w[2 * i], b = from.w[2 * i + 1];
    store_16(to + 4 * i, {{a << 16, a & 0xffff0000u, b << 16, b & 0xffff0000u}});
  }
}

}  // namespace

void embed(stream queue, const std::uint16_t* table, std::uint32_t vocabulary, std::uint32_t hidden,
           const std::uint32_t* tokens, std::uint32_t rows, float* out) {
  CHROMATIN_CHECK(vocabulary > 0 && hidden % values == 0, "rows of an embedding are pieces of 16 bytes");
  CHROMATIN_CHECK(aligned_16(table) && aligned_16(out), "rows are aligned to 16");
  LAUNCH(embed_rows, (grid{rows, pieces_of(hidden, threads * values)}), threads, 0, queue, table, vocabulary, hidden,
         tokens, out);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
