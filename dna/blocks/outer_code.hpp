#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dna/blocks/block_codec.hpp"

namespace chromatin::dna {

/// Parity across blocks, so that what was put or changed together survives the loss of some of its blocks whole:
/// Reed-Solomon over GF(256) (libfec), byte by byte over kind, length and content. A decoded block is right or is not
/// there, so losses are erasures, and as many can be restored as there are parity blocks. More than 255 blocks are
/// dealt out to several groups in turn.
///
/// Blocks that were read in part are not lost whole: complete() takes the symbols that their reads are sure of, and
/// loses only the others.
struct outer_code {
  /// Parity blocks that so many blocks get: a share of them, at least one.
  static std::uint32_t parity_for(std::size_t blocks, double share);

  /// Contents of `count` parity blocks, each `content_bytes` + 2 long. Members are at most content_bytes long.
  static std::vector<byte_string> encode(std::span<const block> members, std::uint32_t count,
                                         std::uint32_t content_bytes);

  /// The members that are missing and can be made up for. `members`: null where missing; `ids` tells their places.
  static std::vector<block> restore(std::span<const block_id> ids, std::span<const block* const> members,
                                    std::span<const block* const> parity, std::uint32_t content_bytes);

  /// A member or a parity block: whole, in part, or neither. What is pointed at outlives the call.
  struct place {
    block_id id;
    const block* whole = nullptr;
    const partial_block* part = nullptr;
  };
  /// Those that were read in part and that the others complete. Each block's own code and the one across them tell
  /// each other, byte by byte, what they make up for: of a byte, as many may be unknown as there are parity blocks. A
  /// block without the number of its scramble joins in once the others tell so much of it that the number is seen.
  /// A block that is given here had the right checksum.
  static std::vector<block> complete(const block_codec& codec, std::span<const place> members,
                                     std::span<const place> parity);
};

}  // namespace chromatin::dna
