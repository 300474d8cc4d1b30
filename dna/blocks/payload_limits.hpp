#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "dna/geometry/profile.hpp"

namespace chromatin::dna {

/// Whether a payload keeps within a profile's limits, in some tens of instructions and without a branch. Payloads come
/// as words of 32 bases, two bits each (A, C, G, T: 0 to 3), the first base highest.
class payload_limits {
 public:
  static constexpr std::uint32_t word_bases = 32;
  static constexpr std::size_t width_max = 9;

  explicit payload_limits(const profile& geometry)
      : run_max_{geometry.homopolymer_max},
        strong_least_{static_cast<std::uint32_t>(std::ceil(geometry.gc_min * geometry.payload_nt))},
        strong_most_{static_cast<std::uint32_t>(std::floor(geometry.gc_max * geometry.payload_nt))} {
    for (std::uint32_t i = 0; i < geometry.payload_nt; ++i)
      payload_[i / word_bases] |= std::uint64_t{1} << 2 * (word_bases - 1 - i % word_bases);
  }

  /// `payload`: with what follows it in the strand, up to the last word's end. `before`: the four bases in front of it,
  /// the last lowest; runs that begin even earlier are not seen.
  template <std::size_t width>
  bool hold(const std::uint64_t* payload, std::uint64_t before) const {
    std::array<std::uint64_t, width> run;  // a bit for each base that equals the one in front of it
    std::uint64_t previous = before, counts = 0, strong = 0;
    for (std::size_t i = 0; i < width; ++i) {
      run[i] = equal(payload[i], payload[i] >> 2 | previous << 62);
      previous = payload[i];
      // Up to three words add up in two bits.
      counts += (payload[i] ^ payload[i] >> 1) & payload_[i];
      if (i % 3 == 2 || i + 1 == width) strong += sum_of_pairs(counts), counts = 0;
    }
    std::uint64_t first = equal(before, before >> 2) & 0x15;
    // Doubling: after each step a bit stands for that many equal neighbours in a row.
    for (std::uint32_t have = 1; have < run_max_;) {
      const auto step = have < run_max_ - have ? have : run_max_ - have;
      std::uint64_t above = first;
      first &= first >> 2 * step;
      for (std::size_t i = 0; i < width; ++i) {
        const auto here = run[i];
        run[i] &= here >> 2 * step | above << (64 - 2 * step);
        above = here;
      }
      have += step;
    }
    std::uint64_t any = 0;
    for (std::size_t i = 0; i < width; ++i) any |= run[i];
    return any == 0 && strong - strong_least_ <= strong_most_ - strong_least_;
  }

 private:
  static constexpr std::uint64_t low_bits = 0x5555555555555555ULL;

  static std::uint64_t equal(std::uint64_t a, std::uint64_t b) {
    const auto differ = a ^ b;
    return ~(differ | differ >> 1) & low_bits;
  }

  static std::uint64_t sum_of_pairs(std::uint64_t x) {
    x = (x & 0x3333333333333333ULL) + (x >> 2 & 0x3333333333333333ULL);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
    return x * 0x0101010101010101ULL >> 56;
  }

  std::uint32_t run_max_;
  std::uint64_t strong_least_, strong_most_;
  std::array<std::uint64_t, width_max> payload_{};
};

}  // namespace chromatin::dna
