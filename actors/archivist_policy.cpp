// Which conversations are archived without anybody asking, and which come back ahead of their turn: a part of the
// archivist.

#include <algorithm>
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
/// On their way because a turn is likely: a wrong guess costs a PCR and reads.
constexpr std::size_t expected_at_a_time = 16;
/// Archives whose turn was foreseen, that are remembered: the newest.
constexpr std::size_t foreseen_max = 1u << 16;
/// Whose chances are asked for at a time.
constexpr std::uint32_t looked_at_at_a_time = 512;

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
std::chrono::seconds archivist_state::recalls_ahead() const {
  const auto takes = options.pool_window + options.usual.sequencing.value_or(options.reads_take);
  const auto margin = options.pool_window + look_every;
  return takes + margin;
}

void archivist_state::recall_due() {
  for (const auto& one : agenda_.due(clock(), recalls_ahead(), recalls_at_a_time)) recall(one);
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

// -- what is likely to be wanted --

void archivist_state::look_for_returns() {
  self->delayed_send(self, look_every, atom::internal_v, atom::expect_v);
  if (expected_under_way() >= expected_at_a_time) return;
  self->request(registry, caf::infinite, atom::archive_v, atom::lookup_v, looked_to_, looked_at_at_a_time)
      .then([this](const job_list& archived) { ask_chances(archived); },
            [](const caf::error& error) { spdlog::warn("archive: {}", explain(error)); });
}

/// While the disk tier is away there are none, and no recall begins.
void archivist_state::ask_chances(const job_list& archived) {
  if (archived.empty()) return;
  hash_list all;
  for (const auto& job : archived) all.push_back(hash_of({job.tenant, job.id}));
  self->request(carrier, caf::infinite, atom::expect_v, all, std::chrono::microseconds{recalls_ahead()}.count())
      .then(
          [this, archived](const chance_list& chances) {
            auto room = expected_at_a_time - std::min(expected_under_way(), expected_at_a_time);
            for (std::size_t i = 0; i < std::min(chances.size(), archived.size()) && room > 0; ++i) {
              looked_to_ = archived[i].number;
              if (chances[i] < options.expect || foreseen_.contains(archived[i].number)) continue;
              recall_expected(archived[i]);
              --room;
            }
          },
          [](const caf::error& error) { spdlog::debug("archive: {}", explain(error)); });
}

std::size_t archivist_state::expected_under_way() const {
  return static_cast<std::size_t>(std::ranges::count_if(foreseen_, [this](const auto& one) {
    const auto job = jobs_.find(one.second);
    return job != jobs_.end() && job->second.job.failure.empty();
  }));
}

/// Once: if nobody came, and it goes again as it was, its archive has the same number.
void archivist_state::recall_expected(const archive_job& stored) {
  self->request(registry, caf::infinite, atom::recall_v, conversation_ref{stored.tenant, stored.id}, false,
                clock().time_since_epoch().count())
      .then(
          [this, archive = stored.number](const archive_job& job) {
            if (is_over(job)) return;  // it came back meanwhile
            foreseen_.emplace(archive, job.number);
            if (foreseen_.size() > foreseen_max) foreseen_.erase(foreseen_.begin());
            expected_ += !jobs_.contains(job.number);
            take_up(job);
          },
          [](const caf::error& error) { spdlog::info("archive: {}", explain(error)); });
}

}  // namespace chromatin
