#pragma once

/// Load or recompute: of a chain that lies in a slow tier, the head is loaded while the rest is computed behind it,
/// layer by layer (CachedAttention §3.2.1 loads all of it), or before it, where other turns take part in the steps.
/// Pure.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>

namespace chromatin::kv {

/// What is not loaded has to be computed.
struct recompute_cost {
  double us_per_token = 0;         ///< 0: not known, everything is loaded
  std::uint32_t tokens_after = 0;  ///< behind the chain, computed in any case
  std::uint32_t head_tokens = 0;   ///< of the chain: if fewer are loaded, they are of no use
  double starts_in_us = 0;         ///< nothing is computed before: loading until then holds up nobody
  /// What is computed while the rest is loaded, layer by layer: no more than a step, since the next one begins when
  /// all of this one's layers are there. 0: nothing is.
  std::uint32_t beside_tokens = std::numeric_limits<std::uint32_t>::max();

  bool operator==(const recompute_cost&) const = default;
};

/// How many leading chunks, of so many tokens each, to load, so that loading and computing are over soonest; of equally
/// good numbers the largest. `load_us`: when so many of them are there, what is read before them included.
std::size_t chunks_to_load(std::span<const std::uint32_t> tokens, const recompute_cost& cost,
                           const std::function<double(std::size_t)>& load_us);

}  // namespace chromatin::kv
