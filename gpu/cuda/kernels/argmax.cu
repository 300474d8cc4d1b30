/// The first of the largest logits of each row, and how many are not finite.
///
/// A block takes a row. A candidate is one number, its logit (in an order of unsigned numbers) above its token's
/// complement, so that the largest number is the first of the largest logits; both zeros count as one.
///
/// Address and bounds: rows of a multiple of 4 logits, which are aligned to 16 then, are read 4 at a time, others one
/// by one; threads end before `vocabulary`. Shared memory: a candidate and a count for each of the block's warps.

#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t threads = 1024, warps = threads / 32;

/// The best so far of those that a thread, a warp or a block has seen.
struct found {
  std::uint64_t best = 0;
  std::uint32_t broken = 0;
};

DEVICE void look(found& so_far, float logit, std::uint32_t token) {
  auto bits = bits_of(logit + 0.0f);
  if ((bits & 0x7f800000u) == 0x7f800000u) {
    ++so_far.broken;
    return;
  }
  auto place = bits >> 31 ? ~bits : bits | 0x80000000u;
  auto candidate = std::uint64_t{place} << 32 | (0xffffffffu - token);
  if (candidate > so_far.best) so_far.best = candidate;
}

/// With `values` logits in an access, and some accesses under way at a time.
template <std::uint32_t values>
DEVICE void look_at_row(found& so_far, const float* row, std::uint32_t vocabulary) {
  constexpr std::uint32_t accesses = 4, step = threads * values;
  for (auto first = thread_x() * values; first < vocabulary; first += accesses * step) {
    words_16 read[accesses] = {};
    UNROLL for (std::uint32_t i = 0; i < accesses; ++i) {
      auto at = first + i * step;
      if (at >= vocabulary) continue;
      if (values == 4)
        read[i] = load_16(row + at);
      else
        read[i].w[0] = bits_of(row[at]);
    }
    UNROLL for (std::uint32_t i = 0; i < accesses; ++i) {
      auto at = first + i * step;
      if (at >= vocabulary) continue;
      UNROLL for (std::uint32_t j = 0; j < values; ++j) look(so_far, float_of(read[i].w[j]), at + j);
    }
  }
}

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
  if (vocabulary % 4 == 0)
    look_at_row<4>(mine, row, vocabulary);
  else
    look_at_row<1>(mine, row, vocabulary);
  mine = best_of_warp(mine);
  auto* of_warps = reinterpret_cast<found*>(shared_memory());
  if (lane() == 0) of_warps[warp()] = mine;
  barrier();
  if (warp() != 0) return;
  mine = best_of_warp(of_warps[lane()]);
  if (lane() != 0) return;
  tokens[block_x()] = mine.best == 0 ? 0 : 0xffffffffu - static_cast<std::uint32_t>(mine.best);
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
