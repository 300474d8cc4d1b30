/// Adds the results that attention_decode left for the parts of a row.
///
/// Blocks: x = heads, z = pieces. Each of 8 warps adds every eighth part, lanes have dimensions; then the warps' sums
/// are added in their order. A row that has one part only is final already.
///
/// Address and bounds: parts below those of the row's position, for which decode wrote; head_dim + 1 sums for each warp
/// in shared memory.
///
/// sm_90, as ptxas says: 71 registers, no spills; 8 · (head_dim + 1) floats of shared memory.

#include "gpu/cuda/kernels/attention_decode.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t combine_warps = 8;

KERNEL_BOUNDS(combine_warps * 32, 1)
void combine(attention_args args) {
  auto piece = args.pieces[block_z()];
  const auto& sequence = args.batch.sequences[piece.sequence];
  auto position = sequence.position + piece.first, head = block_x();
  if (position < split_tokens) return;  // it is final already
  auto parts = position / split_tokens + 1, dim = args.shape.head_dim;
  auto* sums = reinterpret_cast<float*>(shared_memory());  // [warp][dim + 1]
  float highest = minus_infinity();
  for (auto p = lane(); p < parts; p += 32) highest = fmaxf(highest, decode_scratch(args, block_z(), p, head).pairs[0]);
  for (std::uint32_t mask = 1; mask < 32; mask *= 2) highest = fmaxf(highest, shuffle_xor(highest, mask));
  for (auto d = lane(); d <= dim; d += 32) {  // the last is the sum of weights
    float all = 0;
    for (auto p = warp(); p < parts; p += combine_warps) {
      decode_scratch from(args, block_z(), p, head);
      all += exp2_fast(from.pairs[0] - highest) * (d < dim ? from.values[d] : from.pairs[1]);
    }
    sums[warp() * (dim + 1) + d] = all;
  }
  barrier();
  for (auto d = thread_x(); d < dim; d += combine_warps * 32) {
    float all = 0, weight = 0;
    for (std::uint32_t w = 0; w < combine_warps; ++w) {
      all += sums[w * (dim + 1) + d];
      weight += sums[w * (dim + 1) + dim];
    }
    auto row = sequence.first_row + piece.first;
    args.out[(std::size_t{row} * args.shape.heads + head) * dim + d] = to_bf16(all / weight);
  }
}

}  // namespace

void attention_combine(stream queue, const attention_args& args) {
  LAUNCH(combine, (grid{args.shape.heads, 1, args.piece_count}), combine_warps * 32,
         combine_warps * (args.shape.head_dim + 1) * sizeof(float), queue, args);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
