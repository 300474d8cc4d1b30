#include "gpu/pack.hpp"

#include <algorithm>
#include <cstring>

#include "kv/check.hpp"

namespace chromatin::gpu {
namespace {

/// Calls `move(device_offset, packed_offset, bytes)` for every piece that lies together in both forms.
template <class Move>
void each_piece(const kv::geometry& shape, std::uint32_t layer, std::uint32_t tokens, Move move) {
  CHROMATIN_CHECK(layer < shape.layers && tokens > 0 && tokens <= kv::tokens_per_chunk, "a slice has 1 … 64 tokens");
  auto at = shape.slice(layer).offset_bytes;
  auto used = tokens * shape.token_bytes();
  auto pieces = 2 * std::size_t{shape.kv_heads};  // keys of each head, then values of each head
  if (tokens == kv::tokens_per_chunk) return move(at, 0, pieces * used);
  for (std::size_t piece = 0; piece < pieces; ++piece) move(at + piece * shape.head_bytes(), piece * used, used);
}

}  // namespace

void pack(const kv::geometry& shape, std::uint32_t layer, std::uint32_t tokens, std::span<const std::byte> device_page,
          std::span<std::byte> packed) {
  CHROMATIN_CHECK(packed.size() == shape.packed(layer, tokens).bytes, "a packed slice has the size of its tokens");
  std::size_t end = 0;
  each_piece(shape, layer, tokens, [&](std::size_t device, std::size_t to, std::size_t bytes) {
    std::memcpy(packed.data() + to, device_page.data() + device, bytes);
    end = to + bytes;
  });
  std::fill(packed.begin() + static_cast<std::ptrdiff_t>(end), packed.end(), std::byte{0});
}

void unpack(const kv::geometry& shape, std::uint32_t layer, std::uint32_t tokens, std::span<const std::byte> packed,
            std::span<std::byte> device_page) {
  CHROMATIN_CHECK(packed.size() == shape.packed(layer, tokens).bytes, "a packed slice has the size of its tokens");
  each_piece(shape, layer, tokens, [&](std::size_t device, std::size_t from, std::size_t bytes) {
    std::memcpy(device_page.data() + device, packed.data() + from, bytes);
  });
}

void copy_slots(const kv::geometry& shape, std::uint32_t layer, std::uint32_t tokens, std::span<const std::byte> from,
                std::span<std::byte> to) {
  each_piece(shape, layer, tokens, [&](std::size_t device, std::size_t, std::size_t bytes) {
    std::memcpy(to.data() + device, from.data() + device, bytes);
  });
}

}  // namespace chromatin::gpu
