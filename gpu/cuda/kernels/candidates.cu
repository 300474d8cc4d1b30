/// The likeliest tokens of each row, sorted, and the sums over all logits: what a sampler needs of a row, in a few
/// hundred bytes instead of the whole row.
///
/// A block takes a row. First each thread looks for the best of its share. Of these 1,024 the `count`th best is a
/// bound: at least `count` tokens are as good, and hardly more when good tokens lie anywhere. All that are as good are
/// gathered and sorted. If they are more than 1,024, the bound is bisected until the number fits; ranks (logits.cuh)
/// are different for all tokens, so there is such a bound.
///
/// Address and bounds: the row is read as logits.cuh says. Shared memory is one `room`; gathered ranks are written at
/// places below 1,024 only. `count` is at most 256, so places[count - 1] is there; out[row] has `count` places.

#include "gpu/cuda/kernels/launchers.cuh"
#include "gpu/cuda/kernels/logits.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t threads = logit_threads, warps = threads / 32;
constexpr float log2_e = 1.4426950408889634f;

struct room {
  std::uint64_t ranks[threads];
  float sums[warps], tempered_sums[warps];
  std::uint32_t broken[warps];
  std::uint32_t gathered;
};

/// Bitonic: the largest first. Begins and ends with a barrier.
DEVICE void sort(std::uint64_t* ranks) {
  auto t = thread_x();
  for (std::uint32_t run = 2; run <= threads; run *= 2)
    for (auto distance = run / 2; distance > 0; distance /= 2) {
      barrier();
      auto other = t ^ distance;
      if (other < t) continue;  // the pair is the other thread's
      auto a = ranks[t], b = ranks[other];
      bool falling = (t & run) == 0;
      if ((a < b) == falling) {
        ranks[t] = b;
        ranks[other] = a;
      }
    }
  barrier();
}

/// Each thread's best, sorted, and the number of logits that are not finite.
DEVICE void find_best(room& shared, const float* row, std::uint32_t vocabulary) {
  std::uint64_t best = 0;
  std::uint32_t broken = 0;
  each_logit(row, vocabulary, [&](float logit, std::uint32_t token) {
    auto rank = rank_of(logit, token);
    if (rank == 0) ++broken;
    if (rank > best) best = rank;
  });
  for (std::uint32_t mask = 16; mask > 0; mask /= 2) broken += shuffle_xor(broken, mask);
  if (lane() == 0) shared.broken[warp()] = broken;
  shared.ranks[thread_x()] = best;
  sort(shared.ranks);
}

/// Puts all ranks from `bound` on into shared memory, in any order, and zeros behind them; returns how many there are.
DEVICE std::uint32_t gather(room& shared, const float* row, std::uint32_t vocabulary, std::uint64_t bound) {
  barrier();
  shared.ranks[thread_x()] = 0;
  if (thread_x() == 0) shared.gathered = 0;
  barrier();
  each_logit(row, vocabulary, [&](float logit, std::uint32_t token) {
    auto rank = rank_of(logit, token);
    if (rank == 0 || rank < bound) return;
    auto place = add_in_shared(&shared.gathered, 1);
    if (place < threads) shared.ranks[place] = rank;
  });
  barrier();
  return shared.gathered;
}

DEVICE void add_up(room& shared, const float* row, std::uint32_t vocabulary, float largest, float inverse_temperature) {
  float sum = 0, tempered = 0;
  auto scale = log2_e * inverse_temperature;
  each_logit(row, vocabulary, [&](float logit, std::uint32_t) {
    sum += exp2_fast((logit - largest) * log2_e);
    tempered += exp2_fast((logit - largest) * scale);
  });
  for (std::uint32_t mask = 16; mask > 0; mask /= 2) {
    sum += shuffle_xor(sum, mask);
    tempered += shuffle_xor(tempered, mask);
  }
  if (lane() != 0) return;
  shared.sums[warp()] = sum;
  shared.tempered_sums[warp()] = tempered;
}

KERNEL_BOUNDS(threads, 1)
void find_candidates(const float* logits, std::uint32_t vocabulary, std::uint32_t count,
                     const float* inverse_temperatures, candidate* out, logits_summary* summaries) {
  auto& shared = *reinterpret_cast<room*>(shared_memory());
  const auto* row = logits + std::size_t{block_x()} * vocabulary;
  find_best(shared, row, vocabulary);
  auto best = shared.ranks[0], bound = shared.ranks[count - 1];
  auto largest = logit_of(best);
  add_up(shared, row, vocabulary, largest, inverse_temperatures[block_x()]);
  // At `low` there are too many, at `high` too few.
  auto low = bound, high = best + 1;
  for (;;) {
    auto gathered = gather(shared, row, vocabulary, bound);
    if (gathered > threads)
      low = bound;
    else if (gathered < count && bound > low)
      high = bound;
    else
      break;
    bound = low + (high - low) / 2;
  }
  sort(shared.ranks);
  if (thread_x() < count) {
    auto rank = shared.ranks[thread_x()];
    out[std::size_t{block_x()} * count + thread_x()] = {logit_of(rank), token_of(rank)};
  }
  if (thread_x() != 0) return;
  logits_summary all{largest, 0, 0, 0};
  for (std::uint32_t i = 0; i < warps; ++i) {
    all.sum += shared.sums[i];
    all.tempered_sum += shared.tempered_sums[i];
    all.broken += shared.broken[i];
  }
  summaries[block_x()] = all;
}

}  // namespace

void candidates(stream queue, const float* logits, std::uint32_t vocabulary, std::uint32_t rows, std::uint32_t count,
                const float* inverse_temperatures, candidate* out, logits_summary* summaries) {
  CHROMATIN_CHECK(vocabulary > 0 && aligned_16(logits), "a row has a logit");
  CHROMATIN_CHECK(count > 0 && count <= candidates_max, "a row gives 1 … 256 candidates");
  LAUNCH(find_candidates, grid{rows}, threads, sizeof(room), queue, logits, vocabulary, count, inverse_temperatures,
         out, summaries);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
