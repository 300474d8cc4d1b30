#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dna/blocks/block.hpp"

namespace chromatin::dna {

/// One of the parts of a file that no partition holds alone. Each is a file in a partition of its own, called
/// NAME.part-2-of-3, and tells which whole it is of: parts of an older whole are never joined with newer ones.
struct file_part {
  std::uint32_t number = 1, of = 1;  ///< from 1
  bool compressed = false;           ///< the whole is a zstd frame
  std::uint64_t size_bytes = 0;      ///< of the whole, as it was cut up
  std::uint64_t checksum = 0;        ///< XXH3-64 of it
  byte_string content;

  static constexpr std::size_t header_bytes = 28;
};

byte_string encode(const file_part& part);
std::optional<file_part> decode_part(std::span<const std::uint8_t> bytes);

std::string part_name(std::string_view path, std::uint32_t number, std::uint32_t of);
struct part_place {
  std::string path;
  std::uint32_t number = 0, of = 0;
};
/// Nothing for a name that is not a part's.
std::optional<part_place> parse_part_name(std::string_view name);

/// Cuts a file into parts that fill these rooms one after the other (bytes, headers included); the last part takes what
/// is left whatever its room if `sizes_are_kept`. Fewer parts than rooms where not all are needed. Empty where the
/// rooms are too small.
std::vector<file_part> cut(std::span<const std::uint8_t> whole, bool compressed, std::span<const std::uint64_t> rooms,
                           bool sizes_are_kept = false);

/// The whole, or one line that says why not.
struct joined_parts {
  std::optional<byte_string> content;
  std::string reason;
};
joined_parts join(std::span<const file_part> parts);

}  // namespace chromatin::dna
