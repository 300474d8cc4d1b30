#pragma once

/// Packs rows of block-quantised weights (gpu/cpu/quant_layout.hpp), without changing a number of them.

#include <cstddef>
#include <span>

#include "model/element.hpp"

namespace chromatin::gpu {

/// Up to 16 rows of `inputs` values, one strip. `strip` has strip_bytes(…) bytes; rows that are missing become zeros.
void pack_strip(model::element kind, std::span<const std::byte* const> rows, std::uint32_t inputs, std::byte* strip);

/// The same for 16 rows, by AVX-512; false, and nothing done, for kinds that it does not know.
bool pack_strip_avx512(model::element kind, const std::byte* const rows[], std::uint32_t inputs, std::byte* strip);

}  // namespace chromatin::gpu
