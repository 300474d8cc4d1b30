#pragma once

/// The unit of the cache: a chunk holds the keys and values of 64 consecutive tokens of one sequence, all layers.
/// Pure values; any thread. See docs/formats.md for the byte layout.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace chromatin::kv {

using token_id = std::uint32_t;

inline constexpr std::uint32_t tokens_per_chunk = 64;
inline constexpr std::size_t slice_alignment_bytes = 4096;

/// How many chunks hold `tokens` tokens, the last one perhaps partly filled.
constexpr std::uint32_t chunks_for(std::size_t tokens) {
  return static_cast<std::uint32_t>((tokens + tokens_per_chunk - 1) / tokens_per_chunk);
}

/// The element type in which keys and values are computed and stored.
enum class dtype : std::uint8_t { f32, bf16 };

constexpr std::size_t bytes_of(dtype type) { return type == dtype::f32 ? 4 : 2; }

/// Where the slice of a layer is in a chunk.
struct slice_place {
  std::size_t offset_bytes = 0;
  std::size_t bytes = 0;

  bool operator==(const slice_place&) const = default;
};

/// The shape of a model's cache. A *slice* is one layer of one chunk, laid out `[K|V][kv_head][token][head_dim]` with K
/// before rotation, padded to 4 KiB so that it is one aligned read. A chunk is its slices, layer after layer.
///
/// A chunk has two forms. In the *device form* every slice has room for 64 tokens, since the executor goes on writing
/// behind those that are filled. In the *packed form*, in host memory and on disk, a slice has its filled tokens only,
/// and the slices follow each other. The forms are the same for a full chunk.
struct geometry {
  std::uint32_t layers = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  dtype type = dtype::bf16;

  /// Bytes from a slice's first key to its first value, and between two heads.
  constexpr std::size_t head_bytes() const { return tokens_per_chunk * head_dim * bytes_of(type); }
  constexpr std::size_t values_offset_bytes() const { return kv_heads * head_bytes(); }
  constexpr std::size_t slice_bytes() const {
    auto used = 2 * kv_heads * head_bytes();
    return (used + slice_alignment_bytes - 1) / slice_alignment_bytes * slice_alignment_bytes;
  }
  constexpr std::size_t chunk_bytes() const { return layers * slice_bytes(); }

  /// The device form.
  constexpr slice_place slice(std::uint32_t layer) const { return {layer * slice_bytes(), slice_bytes()}; }
  /// Bytes of one token's keys, or values, in one head of one layer.
  constexpr std::size_t token_bytes() const { return head_dim * bytes_of(type); }
  /// The packed form of a chunk with `tokens` filled token slots.
  constexpr slice_place packed(std::uint32_t layer, std::uint32_t tokens) const {
    auto used = 2 * kv_heads * tokens * token_bytes();
    auto bytes = (used + slice_alignment_bytes - 1) / slice_alignment_bytes * slice_alignment_bytes;
    return {layer * bytes, bytes};
  }
  constexpr std::size_t packed_bytes(std::uint32_t tokens) const { return layers * packed(0, tokens).bytes; }
  constexpr bool operator==(const geometry&) const = default;
};

/// A 128-bit hash. Two uses: the fingerprint of a model, and the key of a chunk.
struct hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  constexpr auto operator<=>(const hash128&) const = default;
};

/// Hash of config, tokenizer, weights and cache dtype: another model never hits.
using fingerprint = hash128;

/// The content address of a chunk: a hash of everything its bytes depend on (see kv/lineage.hpp).
using chunk_key = hash128;

/// XXH3-128 of `bytes`, continuing from `seed`.
hash128 hash(std::span<const std::byte> bytes, hash128 seed = {});

/// 32 hexadecimal digits, for logs, file names and the catalogue.
std::string to_string(hash128);

/// The checksum of a slice: XXH3-64 over the XXH3-64s of its 4 KiB pieces, so that a device can make it in parallel.
/// Made when the slice first leaves the device, checked on every way up.
std::uint64_t checksum(std::span<const std::byte> slice);
/// The same from the XXH3-64s of its pieces, for who has made them elsewhere.
std::uint64_t checksum_of_pieces(std::span<const std::uint64_t> sums);

}  // namespace chromatin::kv

template <>
struct std::hash<chromatin::kv::hash128> {
  std::size_t operator()(const chromatin::kv::hash128& h) const noexcept { return h.low; }
};
