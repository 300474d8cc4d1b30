/// Rotates the keys of histories once for all blocks of attention_prefill that read them: from the pages of each
/// sequence that has a `first_rotated` into attention_args::rotated_keys, where `store` puts those of new tokens, with
/// the same roundings. No launch where no sequence has a history. Bound by memory.
///
/// A thread has eight pairs of dimensions of a key. Blocks: x = heads of keys, y = pages of a history, z = sequences.
///
/// Address and bounds. Positions below the sequence's first new token only, so pages stay below the sequence's and
/// tables are read up to the last position; other slots of the last page are `store`'s. The result's pages lie as the
/// sequence's do: [kv_head][64][head_dim]. 16 bytes at multiples of 16, as head_dim is a multiple of 16.
///
/// sm_90, as ptxas says: no spills.

#include "gpu/cuda/kernels/attention_prefill.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t threads = 256;

KERNEL_BOUNDS(threads, 4)
void rotate_pages(attention_args args) {
  const auto& sequence = args.batch.sequences[block_z()];
  auto end = sequence.position, base = block_y() * page_tokens;
  if (sequence.first_rotated == sequence_view::none || base >= end) return;
  auto dim = args.shape.head_dim, chunks = dim / 16;
  const auto* from = reinterpret_cast<const std::uint16_t*>(keys_of(args, sequence.first_page, block_x(), base));
  auto* to = rotated_page(args.rotated_keys, args.shape, sequence.first_rotated + block_y(), block_x());
  for (auto i = thread_x(); i < page_tokens * chunks; i += threads) {
    auto key = i / chunks, pair = i % chunks * 8;
    if (base + key >= end) return;
    auto at = key * dim + pair;
    eight_pairs pairs{load_16_once(from + at), load_16_once(from + at + dim / 2)};
    rotate(pairs, load_angles(args.shape, dim / 2, base + key, pair));
    store_16(to + at, pairs.low);
    store_16(to + at + dim / 2, pairs.high);
  }
}

}  // namespace

void rotate_history(stream queue, const attention_args& args) {
  grid blocks{args.shape.kv_heads, pieces_of(args.history_max, page_tokens), args.batch.sequence_count};
  LAUNCH(rotate_pages, blocks, threads, 0, queue, args);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
