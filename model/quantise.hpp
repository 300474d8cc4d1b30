#pragma once

/// Rounds floats to the blocks of block_quants.hpp.

#include <cstddef>
#include <span>

#include "model/element.hpp"

namespace chromatin::model {

/// The kind of four bits that rows of so many values take: Q4_K, Q4_0 where they are not whole blocks of it, or `other`
/// where they are of neither.
element q4_kind(std::uint64_t row_values);

/// Whole blocks of Q8_0, Q4_0 or Q4_K, with scales that keep the squared error small. `blocks` has row_bytes(…).
void quantise(element type, std::span<const float> values, std::span<std::byte> blocks);

}  // namespace chromatin::model
