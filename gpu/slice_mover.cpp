#include "gpu/slice_mover.hpp"

#include <algorithm>
#include <cstring>

#include "gpu/pack.hpp"

namespace chromatin::gpu {

slice_mover::slice_mover(const kv::geometry& shape, bool verify, std::function<void(std::span<std::byte>)> written)
    : shape_{shape}, verify_{verify}, written_{std::move(written)} {}

void slice_mover::tell(std::span<std::byte> bytes) const {
  if (written_) written_(bytes);
}

std::span<const std::byte> slice_mover::packed(const kv::page_ref& device, std::uint32_t layer, std::uint32_t tokens) {
  buffer_.resize(shape_.packed(layer, tokens).bytes);
  pack(shape_, layer, tokens, device.bytes(), buffer_);
  return buffer_;
}

copy_error slice_mover::in(const slice_copy& s) {
  auto place = shape_.packed(s.layer, s.tokens);
  auto host = s.host.bytes().subspan(place.offset_bytes, place.bytes);
  if (s.checksum && kv::checksum(host) != *s.checksum) return copy_error::damaged;
  unpack(shape_, s.layer, s.tokens, host, s.device.writable());
  auto slice = shape_.slice(s.layer);
  tell(s.device.writable().subspan(slice.offset_bytes, slice.bytes));
  if (verify_ && kv::checksum(packed(s.device, s.layer, s.tokens)) != s.checksum.value_or(kv::checksum(host)))
    return copy_error::damaged;
  return copy_error::none;
}

copy_error slice_mover::out(const slice_copy& s, std::uint64_t& checksum) {
  auto place = shape_.packed(s.layer, s.tokens);
  auto host = s.host.writable().subspan(place.offset_bytes, place.bytes);
  auto from = packed(s.device, s.layer, s.tokens);
  checksum = kv::checksum(from);  // of what was read, so that a wrong byte in the host is noticed later
  std::memcpy(host.data(), from.data(), from.size());
  tell(host);
  if (!verify_) return copy_error::none;
  bool right = kv::checksum(host) == checksum && kv::checksum(packed(s.device, s.layer, s.tokens)) == checksum;
  return right ? copy_error::none : copy_error::damaged;
}

copy_error slice_mover::copy(const kv::page_ref& from, const kv::page_ref& to, std::uint32_t tokens) {
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) {
    copy_slots(shape_, layer, tokens, from.bytes(), to.writable());
    auto slice = shape_.slice(layer);
    tell(to.writable().subspan(slice.offset_bytes, slice.bytes));
    if (verify_ && kv::checksum(packed(from, layer, tokens)) != kv::checksum(packed(to, layer, tokens)))
      return copy_error::damaged;
  }
  return copy_error::none;
}

}  // namespace chromatin::gpu
