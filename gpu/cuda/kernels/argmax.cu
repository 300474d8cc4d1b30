/// The first of the largest logits of each row, and how many are not finite.
///
/// A block takes a row. The largest rank (logits.cuh) of a thread, then of a warp, then of the block wins.
///
/// Address and bounds: the row is read as logits.cuh says. Shared memory: a rank and a count for each of the block's 32
/// warps.

#include "gpu/cuda/kernels/launchers.cuh"
#include "gpu/cuda/kernels/logits.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t threads = logit_threads, warps = threads / 32;

/// The best so far of those that a thread, a warp or a block has seen.
struct found {
  std::uint64_t best = 0;
  std::uint32_t broken = 0;
};

DEVICE found best_of_warp(found mine) {
  for (std::uint32_t mask = 16; mask > 0; mask /= 2) {
    auto best = shuffle_xor(mine.best, mask);
    if (best > mine.best) mine.best = best;
    mine.broken += shuffle_xor(mine.broken, mask);
  }
  return mine;
}

KERNEL_BOUNDS(threads, 1)
void argmax_rows(const float* logits, std::uint32_t vocabulary, std::uint32_t* tokens, std::uint32_t* broken) {
  const auto* row = logits + std::size_t{block_x()} * vocabulary;
  found mine;
  each_logit(row, vocabulary, [&](float logit, std::uint32_t token) {
    auto rank = rank_of(logit, token);
    if (rank == 0) ++mine.broken;
    if (rank > mine.best) mine.best = rank;
  });
  mine = best_of_warp(mine);
  auto* of_warps = reinterpret_cast<found*>(shared_memory());
  if (lane() == 0) of_warps[warp()] = mine;
  barrier();
  if (warp() != 0) return;
  mine = best_of_warp(of_warps[lane()]);
  if (lane() != 0) return;
  tokens[block_x()] = mine.best == 0 ? 0 : token_of(mine.best);
  broken[block_x()] = mine.broken;
}

}  // namespace

void argmax(stream queue, const float* logits, std::uint32_t vocabulary, std::uint32_t rows, std::uint32_t* tokens,
            std::uint32_t* broken) {
  static_assert(warps == 32, "the first warp looks at one candidate of each");
  CHROMATIN_CHECK(vocabulary > 0 && aligned_16(logits), "a row has a logit");
  LAUNCH(argmax_rows, grid{rows}, threads, warps * sizeof(found), queue, logits, vocabulary, tokens, broken);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
