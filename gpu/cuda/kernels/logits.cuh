#pragma once

/// A block of threads looks at a row of logits, and the order in which it likes them.

#include "gpu/cuda/kernels/device.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

inline constexpr std::uint32_t logit_threads = 1024;

/// Larger for a likelier token: by the logit, and of equal logits (both zeros are) the first token's. 0 for a logit
/// that is not finite.
DEVICE std::uint64_t rank_of(float logit, std::uint32_t token) {
  auto bits = bits_of(logit + 0.0f);
  if ((bits & 0x7f800000u) == 0x7f800000u) return 0;
  auto place = bits >> 31 ? ~bits : bits | 0x80000000u;
  return std::uint64_t{place} << 32 | (0xffffffffu - token);
}
DEVICE std::uint32_t token_of(std::uint64_t rank) { return 0xffffffffu - static_cast<std::uint32_t>(rank); }
DEVICE float logit_of(std::uint64_t rank) {
  auto place = static_cast<std::uint32_t>(rank >> 32);
  return float_of(place >> 31 ? place & 0x7fffffffu : ~place);
}

/// Calls see(logit, token) for this thread's share. Four accesses of `values` logits are under way at a time; none is
/// beyond the row, since `vocabulary` is a multiple of `values`.
template <std::uint32_t values, class See>
DEVICE void each_logit_by(const float* row, std::uint32_t vocabulary, const See& see) {
  constexpr std::uint32_t accesses = 4, step = logit_threads * values;
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
      UNROLL for (std::uint32_t j = 0; j < values; ++j) see(float_of(read[i].w[j]), at + j);
    }
  }
}

/// Rows of a multiple of 4 logits are aligned to 16, since the first one is.
template <class See>
DEVICE void each_logit(const float* row, std::uint32_t vocabulary, const See& see) {
  if (vocabulary % 4 == 0)
    each_logit_by<4>(row, vocabulary, see);
  else
    each_logit_by<1>(row, vocabulary, see);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
