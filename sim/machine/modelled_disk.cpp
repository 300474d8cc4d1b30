#include "sim/machine/modelled_disk.hpp"

#include <utility>

namespace chromatin::sim {
namespace {

constexpr std::uint32_t running_max = 32;

}  // namespace

modelled_disk::modelled_disk(std::uint32_t segments, const machine& m, const model_of_time& time, timeline& events)
    : device{segments, running_max},
      time_{time},
      events_{events},
      latency_{from_us(m.disk_latency_us)},
      reads_{m.disk_read_gb_per_s * 1e9},
      writes_{m.disk_write_gb_per_s * 1e9} {}

void modelled_disk::wake() {
  if (std::exchange(woken_, true)) return;
  events_.at(events_.now(), [this] {
    woken_ = false;
    take_all();
  });
}

void modelled_disk::take_all() {
  while (auto op = next()) {
    // A block of 4 KiB stands for a layer of a whole chunk.
    auto slices = static_cast<double>(op->size_bytes) / kv::slice_alignment_bytes;
    auto bytes = slices * time_.layer_bytes(kv::tokens_per_chunk);
    auto ends = events_.now();
    if (op->what == io::operation::kind::read && op->wanted == io::urgency::turn_waits) urgent_bytes_ += bytes;
    if (op->what == io::operation::kind::read) ends = reads_.carry(ends, bytes);
    if (op->what == io::operation::kind::write) ends = writes_.carry(ends, bytes);
    events_.at(ends + latency_, [this, op = std::make_shared<io::operation>(std::move(*op))] {
      auto size = static_cast<std::int64_t>(op->size_bytes);
      answered(std::move(*op), size);
      take_all();
    });
  }
}

}  // namespace chromatin::sim
