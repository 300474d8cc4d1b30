// The disk tier's scrub: what is stored is looked at before anybody wants it.

#include <algorithm>

#include "actors/disk_tier.hpp"

namespace chromatin {
namespace {

/// A pass does not begin sooner after the one before, however little there is to look at.
constexpr auto pass_every = std::chrono::minutes{10};

}  // namespace

void disk_tier_state::scrub_after(std::chrono::nanoseconds pause) {
  self->delayed_send(self, pause, atom::internal_v, atom::proceed_v, new_operation(scrub_due{}), std::int32_t{0});
}

void disk_tier_state::ended(const scrub_due&, int) {
  auto now = self->clock().now();
  if (!scrub.memory) {
    scrub.memory = std::make_shared<kv::memory_block>(kv::plain_memory(geometry.slice(0).bytes));
    scrub.pass_began = now;
  }
  const auto* next = store.durable_from(scrub.next_slot);
  if (!next) {
    scrub.next_slot = 0;
    ++scrub.passes;
    auto begins = std::max(now, scrub.pass_began + pass_every);
    scrub.pass_began = begins;
    return scrub_after(begins - now);
  }
  scrub.chunk = *next;
  scrub.layer = 0;
  scrub.next_slot = next->slot + 1;
  store.hold(next->slot);
  scrub_slice();
}

void disk_tier_state::scrub_slice() {
  auto place = geometry.packed(scrub.layer, scrub.chunk.fill);
  auto id = new_operation(scrub_read_done{});
  auto done = [report = completion(id), held = scrub.memory](int error) { report(error); };
  operations.at(id).in_device =
      parts.device->read(parts.layout.at(scrub.chunk.slot, place.offset_bytes),
                         scrub.memory->bytes().first(place.bytes), io::urgency::checking, std::move(done));
}

void disk_tier_state::ended(const scrub_read_done&, int error) {
  const auto& c = scrub.chunk;
  auto bytes = geometry.packed(scrub.layer, c.fill).bytes;
  bool good = error == 0 && kv::checksum(scrub.memory->bytes().first(bytes)) == c.checksums[scrub.layer];
  scrub.bytes += static_cast<std::int64_t>(bytes);
  if (good && ++scrub.layer < geometry.layers) return scrub_slice();
  if (!good) {
    ++scrub.damaged;
    read_errors += error != 0;
    quarantine(c.key, c.slot, error);
  }
  ++scrub.chunks;
  store.let_go(c.slot);
  auto chunk_bytes = static_cast<double>(geometry.packed_bytes(c.fill));
  scrub_after(std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(chunk_bytes / static_cast<double>(parts.scrub_bytes_per_s))));
}

}  // namespace chromatin
