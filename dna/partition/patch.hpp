#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dna/partition/journal.hpp"

namespace chromatin::dna {

/// What stands in version slots 1 and up: one change to what the slots before it make. The patch in the last slot names
/// the leaf where the block goes on should it change once more; a patch that moves the block says that it did.
struct patch {
  std::uint32_t offset = 0;
  std::uint32_t removed = 0;
  byte_string inserted;
  std::optional<std::uint32_t> successor;
  bool moved = false;  ///< the successor is written, what stands here is history

  static constexpr std::size_t header_bytes = 6;
  static constexpr std::size_t header_bytes_max = 7;  ///< with a successor beyond leaf 8,191
  /// The most that a header takes where there are so many leaves.
  static constexpr std::size_t header_bytes_of(std::uint32_t leaves) {
    return leaves > 8192 ? header_bytes_max : header_bytes;
  }

  bool operator==(const patch&) const = default;
};

/// offset (2), removed (2), successor and flags (2; 3 beyond leaf 8,191), little-endian, then the inserted bytes.
byte_string encode(const patch& change);
std::optional<patch> decode_patch(std::span<const std::uint8_t> bytes);

/// False, and the content as it was, where the patch reaches beyond it.
bool apply(const patch& change, byte_string& content);

/// The one change that makes `to` of `from`, without what they begin and end with alike.
patch difference(std::span<const std::uint8_t> from, std::span<const std::uint8_t> to);

/// Where the borders between a file's blocks end up in its new content: for blocks that make `from` when put together,
/// sizes.size() + 1 offsets into `to`, ascending, from 0 to its end. What lies between two borders takes the place of
/// the block. Blocks that are found again unchanged keep to themselves; what lies between them is aligned with the
/// fewest edits (edlib), or cut up by size where little is alike.
std::vector<std::size_t> borders_after(std::span<const std::uint8_t> from, std::span<const std::size_t> sizes,
                                       std::span<const std::uint8_t> to);

}  // namespace chromatin::dna
