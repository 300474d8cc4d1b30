#pragma once

#include <optional>
#include <span>

#include "dna/blocks/block.hpp"

namespace chromatin::dna {

/// A zstd frame that tells its content's size.
byte_string compress(std::span<const std::uint8_t> content);

/// Nothing for what is no whole frame, or would be larger than 1 GiB.
std::optional<byte_string> decompress(std::span<const std::uint8_t> frame);

}  // namespace chromatin::dna
