#include "dna/blocks/outer_columns.hpp"

#include <algorithm>
#include <new>

extern "C" {
#include <fec.h>
}

namespace chromatin::dna::outer {

std::size_t groups_of(std::size_t blocks) { return (blocks + length - 1) / length; }

code_ptr code_for(std::size_t data, std::size_t parity) {
  code_ptr code{init_rs_char(8, 0x11d, 1, 1, static_cast<int>(parity), static_cast<int>(length - data - parity)),
                free_rs_char};
  if (!code) throw std::bad_alloc{};
  return code;
}

byte_string column_of(const block& one, std::uint32_t content_bytes) {
  byte_string column(tag_bytes + content_bytes);
  if (one.kind == block_kind::parity) {
    std::copy_n(one.content.begin(), std::min(one.content.size(), column.size()), column.begin());
    return column;
  }
  const auto tag = static_cast<std::uint32_t>(one.kind) << length_bits | static_cast<std::uint32_t>(one.content.size());
  column[0] = static_cast<std::uint8_t>(tag);
  column[1] = static_cast<std::uint8_t>(tag >> 8);
  std::copy_n(one.content.begin(), std::min<std::size_t>(one.content.size(), content_bytes),
              column.begin() + tag_bytes);
  return column;
}

}  // namespace chromatin::dna::outer
