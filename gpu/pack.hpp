#pragma once

/// A slice between its two forms: in a device page, with room for 64 tokens, and packed, as host and disk keep it
/// (kv::geometry). Pure functions.

#include <span>

#include "kv/chunk.hpp"

namespace chromatin::gpu {

/// Writes the first `tokens` slots of `layer` in `device_page` to `packed`, which has geometry::packed(layer, tokens)
/// bytes; the padding becomes zeros.
void pack(const kv::geometry& shape, std::uint32_t layer, std::uint32_t tokens, std::span<const std::byte> device_page,
          std::span<std::byte> packed);

/// The way back. Other slots of the page are not touched.
void unpack(const kv::geometry& shape, std::uint32_t layer, std::uint32_t tokens, std::span<const std::byte> packed,
            std::span<std::byte> device_page);

/// Copies the first `tokens` slots of `layer` from one device page to another.
void copy_slots(const kv::geometry& shape, std::uint32_t layer, std::uint32_t tokens, std::span<const std::byte> from,
                std::span<std::byte> to);

}  // namespace chromatin::gpu
