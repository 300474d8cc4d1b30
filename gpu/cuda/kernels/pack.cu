/// A slice between its two forms, as gpu/pack.hpp: in a page each head's keys, then each head's values have room for 64
/// tokens; packed, the first tokens' bytes of all lie side by side, with zeros behind them.
///
/// A thread moves 16 bytes. Neighbours have neighbouring pieces of the packed form, and of the slice within a head.
///
/// Address and bounds: thread i has the packed bytes from 16i on and ends at packed_bytes (at the end of what is used,
/// on the way back), a multiple of 16. used_bytes is a multiple of 16 and at most head_bytes, so piece i lies within
/// head i / (used_bytes / 16) < heads, and there within its first used_bytes.

#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t threads = 256, bytes = 16;

/// Where a piece of the packed form lies in the slice.
DEVICE std::size_t place_in_slice(std::uint32_t piece, std::uint32_t head_bytes, std::uint32_t head_pieces) {
  return std::size_t{piece / head_pieces} * head_bytes + std::size_t{piece % head_pieces} * bytes;
}

KERNEL_BOUNDS(threads, 8)
void pack_slice(const std::byte* slice, std::uint32_t head_bytes, std::uint32_t head_pieces, std::uint32_t used_pieces,
                std::uint32_t pieces, std::byte* packed) {
  auto piece = block_x() * threads + thread_x();
  if (piece >= pieces) return;
  words_16 words = {};
  if (piece < used_pieces) words = load_16_once(slice + place_in_slice(piece, head_bytes, head_pieces));
  store_16(packed + std::size_t{piece} * bytes, words);
}

KERNEL_BOUNDS(threads, 8)
void unpack_slice(const std::byte* packed, std::uint32_t head_bytes, std::uint32_t head_pieces,
                  std::uint32_t used_pieces, std::byte* slice) {
  auto piece = block_x() * threads + thread_x();
  if (piece >= used_pieces) return;
  store_16(slice + place_in_slice(piece, head_bytes, head_pieces), load_16_once(packed + std::size_t{piece} * bytes));
}

void check(std::uint32_t head_bytes, std::uint32_t used_bytes, const void* slice, const void* packed) {
  CHROMATIN_CHECK(used_bytes > 0 && used_bytes <= head_bytes, "a head has 1 … 64 tokens");
  CHROMATIN_CHECK(used_bytes % bytes == 0 && head_bytes % bytes == 0, "a token of a head is pieces of 16 bytes");
  CHROMATIN_CHECK(aligned_16(slice) && aligned_16(packed), "slices are aligned to 16");
}

}  // namespace

void pack(stream queue, const std::byte* slice, std::uint32_t heads, std::uint32_t head_bytes, std::uint32_t used_bytes,
          std::size_t packed_bytes, std::byte* packed) {
  check(head_bytes, used_bytes, slice, packed);
  CHROMATIN_CHECK(packed_bytes % bytes == 0 && packed_bytes >= std::size_t{heads} * used_bytes,
                  "a packed slice has room for its tokens");
  auto head_pieces = used_bytes / bytes, pieces = static_cast<std::uint32_t>(packed_bytes / bytes);
  LAUNCH(pack_slice, grid{pieces_of(pieces, threads)}, threads, 0, queue, slice, head_bytes, head_pieces,
         heads * head_pieces, pieces, packed);
}

void unpack(stream queue, const std::byte* packed, std::uint32_t heads, std::uint32_t head_bytes,
            std::uint32_t used_bytes, std::byte* slice) {
  check(head_bytes, used_bytes, slice, packed);
  auto head_pieces = used_bytes / bytes;
  LAUNCH(unpack_slice, grid{pieces_of(heads * head_pieces, threads)}, threads, 0, queue, packed, head_bytes,
         head_pieces, heads * head_pieces, slice);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
