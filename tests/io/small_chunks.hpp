#pragma once

/// Chunks of a few bytes, for stores.

#include "io/chunk_store.hpp"

namespace chromatin::io {

inline constexpr kv::geometry small_shape{2, 1, 64, kv::dtype::bf16};

inline stored_chunk chunk(std::uint64_t n, std::uint32_t slot) { return {{0, n}, slot, 0, 64, {n, n + 1}}; }

}  // namespace chromatin::io
