#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dna/blocks/block.hpp"

/// What the code across blocks is made of (outer_code.hpp), for those who decode it: a block is a column of bytes, and
/// the bytes at one place of all columns are a codeword.
namespace chromatin::dna::outer {

constexpr std::size_t length = 255;
constexpr std::uint32_t tag_bytes = 2;

/// Groups that so many blocks, parity included, are dealt out to.
std::size_t groups_of(std::size_t blocks);

/// Members or parity of one group: every `groups`-th.
template <class What>
std::vector<What> dealt(std::span<const What> all, std::size_t group, std::size_t groups) {
  std::vector<What> some;
  for (auto i = group; i < all.size(); i += groups) some.push_back(all[i]);
  return some;
}

/// A code of libfec. Throws std::bad_alloc.
using code_ptr = std::unique_ptr<void, void (*)(void*)>;
code_ptr code_for(std::size_t data, std::size_t parity);

/// A member as a column: kind and length, content, zeros. Of parity its content is the column.
byte_string column_of(const block& one, std::uint32_t content_bytes);

}  // namespace chromatin::dna::outer
