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

int memory_device::failing::take() {
  if (count == 0) return 0;
  --count;
  return error;
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
      return carry_out_sync(op);
  }
  return EINVAL;
}

int memory_device::carry_out_read(const operation& op) {
  auto* data = at(op.where, op.size_bytes);
  int error = data ? failing_reads_.take() : EIO;
  if (error != 0) return error;
  std::memcpy(op.data, data, op.size_bytes);
  for (auto [segment, offset] : spoiled_)
    if (segment == op.where.segment && offset >= op.where.offset_bytes &&
        offset < op.where.offset_bytes + op.size_bytes)
      op.data[offset - op.where.offset_bytes] ^= std::byte{1};
  return 0;
}

int memory_device::carry_out_write(const operation& op) {
  auto* data = at(op.where, op.size_bytes);
  int error = data ? failing_writes_.take() : EIO;
  if (error != 0) return error;
  unsynced_.push_back({op.where, {data, data + op.size_bytes}, {op.data, op.data + op.size_bytes}});
  std::memcpy(data, op.data, op.size_bytes);
  return 0;
}

int memory_device::carry_out_sync(const operation& op) {
  int error = failing_syncs_.take();
  if (error == 0) std::erase_if(unsynced_, [&](const auto& w) { return w.where.segment == op.where.segment; });
  return error;
}

void memory_device::spoil(extent where) { spoiled_.emplace(where.segment, where.offset_bytes); }

void memory_device::power_cut(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  running_.clear();
  forget_all();
  for (auto w = unsynced_.rbegin(); w != unsynced_.rend(); ++w)
    std::memcpy(at(w->where, w->before.size()), w->before.data(), w->before.size());
  for (const auto& w : unsynced_) {
    auto fate = random() % 3;
    auto kept = fate == 0   ? 0
                : fate == 1 ? w.after.size()
                            : random() % (w.after.size() / alignment_bytes + 1) * alignment_bytes;
    std::memcpy(at(w.where, w.after.size()), w.after.data(), kept);
  }
  unsynced_.clear();
}

}  // namespace chromatin::io
