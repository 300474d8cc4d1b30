// Which conversations are archived without anybody asking: a part of the archivist.

#include <chrono>

#include <spdlog/spdlog.h>

#include "actors/archivist.hpp"

namespace chromatin {
namespace {

constexpr auto look_every = std::chrono::minutes{1};
/// Idle enough where the disk is full.
constexpr std::chrono::seconds idle_at_least = std::chrono::minutes{10};
/// At a time, so that those that are idle longer go first; and on their way, so that people can look after them.
constexpr std::uint32_t at_a_time = 16;
constexpr std::size_t on_their_way_max = 64;

}  // namespace

void archivist_state::look_for_idle() {
  self->delayed_send(self, look_every, atom::internal_v, atom::archive_v);
  if (jobs_.size() >= on_their_way_max) return;
  const bool full = options.disk_is_full && options.disk_is_full();
  if (!full && options.idle.count() == 0) return;
  const auto idle = full && (options.idle.count() == 0 || options.idle > idle_at_least) ? idle_at_least : options.idle;
  self->request(registry, caf::infinite, atom::archive_v, atom::expect_v, std::int64_t{idle.count()}, at_a_time)
      .then(
          [this](const conversation_refs& found) {
            for (const auto& which : found)
              self->request(registry, caf::infinite, atom::archive_v, which, false, clock().time_since_epoch().count())
                  .then([this](const archive_job& job) { take_up(job); },
                        [](const caf::error& error) { spdlog::warn("archive: {}", explain(error)); });
          },
          [](const caf::error& error) { spdlog::warn("archive: {}", explain(error)); });
}

}  // namespace chromatin
