#pragma once

/// What tests read of SentencePiece's files.

#include <cstdint>
#include <string_view>

namespace chromatin::model {

/// Takes a number of variable length from the front.
inline std::uint64_t take_number(std::string_view& from) {
  std::uint64_t all = 0;
  for (unsigned shift = 0;; shift += 7) {
    auto byte = static_cast<unsigned char>(from.at(0));
    from.remove_prefix(1);
    all |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return all;
  }
}

}  // namespace chromatin::model
