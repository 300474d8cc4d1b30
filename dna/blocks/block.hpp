#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace chromatin::dna {

using byte_string = std::vector<std::uint8_t>;

/// Where a block stands in its partition.
struct block_id {
  std::uint32_t leaf = 0;
  std::uint32_t version = 0;  ///< slot 0 is the block as first written; what the other slots hold is added to it

  auto operator<=>(const block_id&) const = default;
};

/// "leaf 3 version 1"; of many, the first `shown`.
std::string text_of(const block_id& id);
std::string text_of(std::span<const block_id> ids, std::size_t shown = 4);

/// What a block's content is. Stands in its header.
enum class block_kind : std::uint8_t {
  data = 0,       ///< bytes of a file
  patch = 1,      ///< a change to the data block in slot 0 of the same leaf
  journal = 2,    ///< what the partition's directories and files are
  parity = 3,     ///< across blocks that were written together (outer_code.hpp)
  directory = 4,  ///< the first block of the journal that a directory has of its own (ledger.hpp)
};

/// Of the two bytes in which a block's kind and length are stored, those of the length.
constexpr std::uint32_t length_bits = 12;

inline bool is_of_journal(block_kind kind) { return kind == block_kind::journal || kind == block_kind::directory; }

struct block {
  block_id id;
  block_kind kind = block_kind::data;
  byte_string content;  ///< at most block_bytes() of the profile, of parity stored_bytes()

  bool operator==(const block&) const = default;
};

}  // namespace chromatin::dna
