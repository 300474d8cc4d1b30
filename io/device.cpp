#include "io/device.hpp"

#include <cerrno>

namespace chromatin::io {
namespace {

bool aligned(extent e, const std::byte* data, std::size_t size) {
  auto address = reinterpret_cast<std::uintptr_t>(data);
  return size > 0 && e.offset_bytes % alignment_bytes == 0 && size % alignment_bytes == 0 &&
         address % alignment_bytes == 0;
}

}  // namespace

io_done device::counted(io_done done) {
  return [this, done = std::move(done)](int error) {
    if (error != 0) ++errors_;
    done(error);
  };
}

void device::read(extent from, std::span<std::byte> into, io_done done) {
  if (!aligned(from, into.data(), into.size())) throw std::invalid_argument("a read must be aligned to 4 KiB");
  ++reads_;
  bytes_read_ += static_cast<std::int64_t>(into.size());
  do_read(from, into, counted(std::move(done)));
}

void device::write(extent to, std::span<const std::byte> from, io_done done) {
  if (!aligned(to, from.data(), from.size())) throw std::invalid_argument("a write must be aligned to 4 KiB");
  ++writes_;
  bytes_written_ += static_cast<std::int64_t>(from.size());
  do_write(to, from, counted(std::move(done)));
}

void device::sync(std::uint32_t segment, io_done done) {
  ++syncs_;
  do_sync(segment, counted(std::move(done)));
}

device_counters device::counters() const { return {reads_, writes_, syncs_, errors_, bytes_read_, bytes_written_}; }

}  // namespace chromatin::io
