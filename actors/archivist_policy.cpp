// Which conversations are archived without anybody asking, and which come back ahead of their turn: a part of the
// archivist.

#include <chrono>
#include <utility>

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
/// Of a schedule: the registry has turns to see to, too.
constexpr std::size_t recalls_at_a_time = 256;

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

// -- what is wanted at a time --

void archivist_state::look_at_schedule() {
  const auto look_again = [this] { self->delayed_send(self, look_every, atom::internal_v, atom::recall_v); };
  self->request(keeper, caf::infinite, atom::list_v)
      .then(
          [=, this](const archive::schedule_view& seen) {
            take(seen);
            recall_due();
            look_again();
          },
          [=](const caf::error& error) {
            spdlog::warn("schedule: {}", explain(error));
            look_again();
          });
}

void archivist_state::take(const archive::schedule_view& seen) {
  const auto before = std::exchange(schedule_, seen);
  if (!seen.trouble.empty() && seen.trouble != before.trouble)
    spdlog::warn("schedule: it stays as it was: {}", seen.trouble);
  if (!seen.lines || seen.lines == before.lines) return;
  const auto over = agenda_.replace(*seen.lines, clock());
  spdlog::info("schedule: {} lines, of which {} are new and over: nothing is done for these", seen.lines->size(), over);
}

/// A recall is back in time if the laboratory takes as long as it usually does. The margin is for one that just missed
/// a pool, and for the time between looks.
void archivist_state::recall_due() {
  const auto takes = options.pool_window + options.usual.sequencing.value_or(options.reads_take);
  const auto margin = options.pool_window + look_every;
  for (const auto& one : agenda_.due(clock(), takes + margin, recalls_at_a_time)) recall(one);
}

/// One that cannot be recalled now is asked for again, as long as it is due.
void archivist_state::recall(const archive::agenda::due_recall& what) {
  const auto& [tenant, id] = what.line.which;
  self->request(registry, caf::infinite, atom::recall_v, conversation_ref{tenant, id}, false,
                clock().time_since_epoch().count())
      .then(
          [this, line = what.line](const archive_job& job) {
            if (is_over(job)) return;  // it is here
            agenda_.begun(line);
            scheduled_ += !jobs_.contains(job.number);
            take_up(job);
          },
          [what](const caf::error& error) {
            if (what.first) spdlog::info("schedule: of {}: {}", what.line.which.tenant, explain(error));
          });
}

}  // namespace chromatin
