#include "io/memory_device.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace chromatin::io {

memory_device::memory_device(std::vector<std::uint64_t> segment_bytes, std::optional<std::uint64_t> shuffle_seed) {
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
  bool any = false;
  for (; count > 0 && !pending_.empty(); --count) {
    if (shuffle_) std::swap(pending_.front(), pending_[(*shuffle_)() % pending_.size()]);
    auto run = std::move(pending_.front());
    pending_.pop_front();
    run();
    any = true;
  }
  return any;
}

void memory_device::do_read(extent from, std::span<std::byte> into, io_done done) {
  pending_.push_back([=, this, done = std::move(done)] {
    auto* data = at(from, into.size());
    int error = data ? failing_reads_.take() : EIO;
    if (error == 0) {
      std::memcpy(into.data(), data, into.size());
      for (auto [segment, offset] : spoiled_)
        if (segment == from.segment && offset >= from.offset_bytes && offset < from.offset_bytes + into.size())
          into[offset - from.offset_bytes] ^= std::byte{1};
    }
    done(error);
  });
}

void memory_device::do_write(extent to, std::span<const std::byte> from, io_done done) {
  pending_.push_back([=, this, done = std::move(done)] {
    auto* data = at(to, from.size());
    int error = data ? failing_writes_.take() : EIO;
    if (error == 0) {
      unsynced_.push_back({to, {data, data + from.size()}, {from.begin(), from.end()}});
      std::memcpy(data, from.data(), from.size());
    }
    done(error);
  });
}

void memory_device::do_sync(std::uint32_t segment, io_done done) {
  pending_.push_back([=, this, done = std::move(done)] {
    int error = failing_syncs_.take();
    if (error == 0) std::erase_if(unsynced_, [&](const auto& w) { return w.where.segment == segment; });
    done(error);
  });
}

void memory_device::spoil(extent where) { spoiled_.emplace(where.segment, where.offset_bytes); }

void memory_device::power_cut(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  pending_.clear();
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
