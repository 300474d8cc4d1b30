#pragma once

/// Rotary positions: the frequency of every pair of values of a head, with the stretching that long-context models use.

#include <vector>

#include "model/config.hpp"

namespace chromatin::model {

/// [head_dim / 2]: radians a token. Computed in float, step by step as the reference implementation does.
std::vector<float> rotary_frequencies(const config& c);

}  // namespace chromatin::model
