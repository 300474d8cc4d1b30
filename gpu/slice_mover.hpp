#pragma once

/// Moves slices for devices whose pages the processor can address: packs, checks, and with `verify` looks again.

#include <functional>
#include <span>
#include <vector>

#include "gpu/copy_engine.hpp"

namespace chromatin::gpu {

/// One thread at a time.
class slice_mover {
 public:
  /// `written`, for tests, gets every range of bytes that a move wrote, before they are verified.
  explicit slice_mover(const kv::geometry& shape, bool verify = false,
                       std::function<void(std::span<std::byte>)> written = {});

  /// Host to device; see copy_engine::in.
  copy_error in(const slice_copy& slice);
  /// Device to host; `checksum` is of the bytes as they were read from the device.
  copy_error out(const slice_copy& slice, std::uint64_t& checksum);
  copy_error copy(const kv::page_ref& from, const kv::page_ref& to, std::uint32_t tokens);

 private:
  /// The packed form of what the device has, in a buffer that the next call uses again.
  std::span<const std::byte> packed(const kv::page_ref& device, std::uint32_t layer, std::uint32_t tokens);
  void tell(std::span<std::byte> bytes) const;

  kv::geometry shape_;
  bool verify_;
  std::function<void(std::span<std::byte>)> written_;
  std::vector<std::byte> buffer_;
};

}  // namespace chromatin::gpu
