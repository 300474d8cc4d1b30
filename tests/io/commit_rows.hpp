#pragma once

/// Rows and slots for group commits.

#include "io/group_commit.hpp"

namespace chromatin::io {

inline constexpr std::uint64_t quarter_segment_bytes = 64ull << 20;

inline slot_layout slots(std::uint32_t count) {
  return slot_layout::of(count * quarter_segment_bytes, quarter_segment_bytes);
}
inline kv::chunk_key key(std::uint64_t n) { return {0, n}; }
inline stored_chunk row(std::uint64_t n) { return {.key = key(n), .fill = 64, .checksums = {n}}; }

}  // namespace chromatin::io
