#pragma once

/// Load or recompute: of a chain that lies in a slow tier, the head is loaded while the rest is computed behind it,
/// layer by layer (CachedAttention §3.2.1 loads all of it). Pure.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace chromatin::kv {

/// What is not loaded has to be computed.
struct recompute_cost {
  double us_per_token = 0;         ///< 0: not known, everything is loaded
  std::uint32_t tokens_after = 0;  ///< behind the chain, computed in any case

  bool operator==(const recompute_cost&) const = default;
};

/// How many leading chunks, of so many tokens each, to load, so that loading and computing, which go on at the same
/// time, are over soonest; of equally good numbers the largest. `load_us`: what loading so many of them takes.
std::size_t chunks_to_load(std::span<const std::uint32_t> tokens, const recompute_cost& cost,
                           const std::function<double(std::size_t)>& load_us);

}  // namespace chromatin::kv
