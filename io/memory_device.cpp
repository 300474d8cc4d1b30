#include "io/memory_device.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace chromatin::io {

memory_device::memory_device(std::vector<std::uint64_t> segment_bytes, std::optional<std::uint64_t> shuffle_seed,
                             std::uint32_t running_max)
    : device{static_cast<std::uint32_t>(segment_bytes.size()), running_max} {
  for (auto size : segment_bytes) segments_.emplace_back(size);
  if (shuffle_seed) shuffle_.emplace(*shuffle_seed);
}

std::byte* memory_device::at(extent where, std::size_t size) {
  if (where.segment >= segments_.size()) return nullptr;
  auto& segment = segments_[where.segment];
  return where.offset_bytes <= segment.size() && size <= segment.size() - where.offset_bytes
             ? segment.data() + where.offset_bytes
             : nullptr;
}

bool memory_device::poll(std::size_t count) {
  bool any = !idle();
  for (; count > 0; --count) {
    while (auto op = next()) running_.push_back(std::move(*op));
    if (running_.empty()) break;
    if (shuffle_) std::swap(running_.front(), running_[(*shuffle_)() % running_.size()]);
    auto op = std::move(running_.front());
    running_.pop_front();
    int error = carry_out(op);
    auto size = static_cast<std::int64_t>(op.size_bytes);
    answered(std::move(op), error == 0 ? size : -error);
  }
  return any;
}

int memory_device::carry_out(const operation& op) {
  switch (op.what) {
    case operation::kind::read:
      return carry_out_read(op);
    case operation::kind::write:
      return carry_out_write(op);
    case operation::kind::sync:
      return 0;
  }
  return EINVAL;
}

int memory_device::carry_out_read(const operation& op) {
  auto* data = at(op.where, op.size_bytes);
  if (!data) return EIO;
  std::memcpy(op.data, data, op.size_bytes);
  for (auto [segment, offset] : spoiled_)
    if (segment == op.where.segment && offset >= op.where.offset_bytes &&
        offset < op.where.offset_bytes + op.size_bytes)
      op.data[offset - op.where.offset_bytes] ^= std::byte{1};
  return 0;
}

int memory_device::carry_out_write(const operation& op) {
  auto* data = at(op.where, op.size_bytes);
  if (!data) return EIO;
  std::memcpy(data, op.data, op.size_bytes);
  return 0;
}

void memory_device::spoil(extent where) { spoiled_.emplace(where.segment, where.offset_bytes); }

}  // namespace chromatin::io
