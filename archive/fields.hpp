#pragma once

/// Numbers, texts and lists one after the other: what a frame of a transcript is before it is compressed. Numbers are
/// LEB128: seven bits a byte, the lowest first, the eighth bit set on all but the last.

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dna/blocks/block.hpp"
#include "kv/chunk.hpp"

namespace chromatin::archive {

using dna::byte_string;

/// What cannot be a frame of this conversation, in one line without the frame's number.
struct frame_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class field_writer {
 public:
  /// At most 63 bits.
  void number(std::uint64_t value);
  /// Its length first.
  void text(std::string_view value);
  /// 16 bytes: the high word, then the low one, little-endian.
  void hash(kv::hash128 value);
  /// How many, then each.
  void tokens(std::span<const kv::token_id> all);

  byte_string bytes;
};

/// Takes off the front what a writer put there. Everything throws frame_error where that cannot be; a list's length is
/// checked before room is made for it. The bytes must outlive the reader.
class field_reader {
 public:
  explicit field_reader(std::span<const std::uint8_t> bytes) : rest_{bytes} {}

  std::uint64_t number();
  /// A number of at most 32 bits.
  std::uint32_t small();
  /// How many items follow, each of at least so many bytes.
  std::size_t count(std::size_t item_bytes_min);
  std::string text();
  kv::hash128 hash();
  std::vector<kv::token_id> tokens();
  /// There must be nothing left.
  void end() const;

 private:
  std::span<const std::uint8_t> take(std::size_t count);

  std::span<const std::uint8_t> rest_;
};

}  // namespace chromatin::archive
