#pragma once

/// Packs rows of block-quantised weights (gpu/cpu/quant_layout.hpp), without changing a number of them.

#include <span>

#include "model/element.hpp"

namespace chromatin::gpu {

/// Up to 16 rows of `inputs` values, one strip. `strip` has strip_bytes(…) bytes; rows that are missing become zeros.
void pack_strip(model::element kind, std::span<const std::byte* const> rows, std::uint32_t inputs, std::byte* strip);

}  // namespace chromatin::gpu
