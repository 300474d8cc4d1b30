#pragma once

/// Rotary positions: how far every pair of values of a head turns, with the stretching that long-context models use.
///
/// Two kinds of stretching depend on the length of the text: `dynamic`, and `longrope`, which switches between two
/// lists of factors. Cached keys and values of deeper layers have the kind in them, so it is chosen once, by the
/// context that is served.

#include <vector>

#include "model/config.hpp"

namespace chromatin::model {

/// [rotary values / 2]: radians a token, of layers with the usual or with the local rope. Computed in float, step by
/// step as the reference implementation does.
std::vector<float> rotary_frequencies(const config& c, bool local = false);

/// By how much rotation makes queries and keys longer, which sharpens attention over long contexts (YaRN, longrope).
float rotary_amplitude(const config& c, bool local = false);

/// Cosine and sine of every position, times the amplitude: [context][rotary values / 2] each.
struct rotary_table {
  std::vector<float> cosines, sines;
};
rotary_table make_rotary_table(const config& c, bool local = false);

/// What the served context chose, for the fingerprint of what is cached: 0 where nothing depends on it.
std::uint32_t rope_choice(const config& c);

}  // namespace chromatin::model
