#pragma once

/// Arenas and random pages for tests of copies.

#include <future>
#include <memory>
#include <random>

#include "gpu/pack.hpp"
#include "kv/page.hpp"

namespace chromatin::gpu {

/// A few layers and heads; slices that are not whole multiples of 4 KiB have padding.
inline constexpr kv::geometry small_shape{.layers = 3, .kv_heads = 3, .head_dim = 16, .type = kv::dtype::bf16};

/// Waits for a callback. Whoever calls back may still be inside set_value() when this is gone.
template <class T>
struct callback {
  auto take() {
    return [to = promise](T value) { to->set_value(std::move(value)); };
  }
  T get() { return promise->get_future().get(); }

  std::shared_ptr<std::promise<T>> promise = std::make_shared<std::promise<T>>();
};

struct page_pool {
  explicit page_pool(const kv::geometry& shape = small_shape, std::uint32_t pages = 8)
      : arena{kv::page_arena::make(kv::plain_memory(pages * shape.chunk_bytes()), shape.chunk_bytes())} {}

  /// A page of random bytes.
  kv::page_ref random(unsigned seed) const {
    auto page = arena->try_allocate();
    std::mt19937 generator{seed};
    for (auto& byte : page.writable()) byte = static_cast<std::byte>(generator());
    return page;
  }

  std::shared_ptr<kv::page_arena> arena;
};

/// The filled slots of a layer, as bytes that can be compared.
inline std::vector<std::byte> packed_of(const kv::page_ref& device, std::uint32_t layer, std::uint32_t tokens,
                                        const kv::geometry& shape = small_shape) {
  std::vector<std::byte> bytes(shape.packed(layer, tokens).bytes, std::byte{0x77});
  pack(shape, layer, tokens, device.bytes(), bytes);
  return bytes;
}

inline std::vector<std::byte> bytes_of(const kv::page_ref& page) { return {page.bytes().begin(), page.bytes().end()}; }

}  // namespace chromatin::gpu
