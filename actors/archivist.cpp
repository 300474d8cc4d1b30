#include "actors/archivist.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "actors/last_words.hpp"

namespace chromatin {

using io::archive_state;

namespace {

std::int64_t seconds_of(archive::lab_time time) { return time.time_since_epoch().count(); }

}  // namespace

// -- what is asked for --

void archivist_state::open() {
  self->request(registry, caf::infinite, atom::archive_v, atom::list_v)
      .then(
          [this](archive_book& book) {
            for (auto& job : book.copies) copies_.emplace(job.number, std::move(job));
            for (auto& job : book.unfinished) jobs_.try_emplace(job.number, job_entry{std::move(job), {}, {}});
            proceed();
          },
          [this](const caf::error& error) {
            spdlog::warn("archive: {}", explain(error));
            self->delayed_send(self, options.look_every, atom::internal_v, atom::open_v);
          });
}

/// A job that the registry has told of. One that is known is further than what the registry said, unless it had failed;
/// who asks for it again has its laboratory looked at now.
void archivist_state::take_up(const archive_job& job) {
  const auto known = jobs_.find(job.number);
  if (job.state == archive_state::stored)
    copies_.try_emplace(job.number, job);
  else if (!is_over(job) && (known == jobs_.end() || !known->second.job.failure.empty()))
    jobs_.insert_or_assign(job.number, job_entry{job, {}, {}});
  else if (known != jobs_.end() && known->second.job.state == job.state)
    known->second.job.kv = job.kv;
  self->send(self, atom::internal_v, atom::proceed_v, std::uint64_t{0});
}

template <class Order>
caf::result<archive_ticket> archivist_state::begin(Order order, const conversation_ref& which, bool kv) {
  auto done = std::make_shared<answer<archive_ticket>>(self->make_response_promise<archive_ticket>());
  self->request(registry, caf::infinite, order, which, kv, seconds_of(clock()))
      .then(
          [this, done](const archive_job& job) {
            take_up(job);
            done->deliver(ticket_of(job));
          },
          [done](const caf::error& error) { done->deliver(error); });
  return caf::delegated<archive_ticket>{};
}

caf::result<archive_ticket> archivist_state::archive(const conversation_ref& which, bool kv) {
  return begin(atom::archive_v, which, kv);
}

caf::result<archive_ticket> archivist_state::recall(const conversation_ref& which, bool kv) {
  return begin(atom::recall_v, which, kv);
}

caf::result<archive_ticket> archivist_state::await_recall(const conversation_ref& which) {
  auto done = std::make_shared<answer<archive_ticket>>(self->make_response_promise<archive_ticket>());
  self->request(registry, caf::infinite, atom::recall_v, which, false, seconds_of(clock()))
      .then(
          [this, done](const archive_job& job) {
            take_up(job);
            if (is_over(job)) return done->deliver(ticket_of(job));
            waiting_.emplace(job.number, std::move(*done));
          },
          [done](const caf::error& error) { done->deliver(error); });
  return caf::delegated<archive_ticket>{};
}

caf::result<archive_tickets> archivist_state::list(const std::string& tenant) {
  auto done = std::make_shared<answer<archive_tickets>>(self->make_response_promise<archive_tickets>());
  self->request(registry, caf::infinite, atom::archive_v, atom::list_v, tenant)
      .then(
          [this, done](const job_list& jobs) {
            archive_tickets all;
            for (const auto& job : jobs) all.push_back(ticket_of(job));
            done->deliver(std::move(all));
          },
          [done](const caf::error& error) { done->deliver(error); });
  return caf::delegated<archive_tickets>{};
}

archive_ticket archivist_state::ticket_of(const archive_job& job) const {
  const auto known = jobs_.find(job.number);
  const auto order = known == jobs_.end() ? archive::lab_answer{} : known->second.order;
  archive_ticket made{.number = job.number,
                      .id = job.id,
                      .state = io::to_string(job.state),
                      .expected_s = expected_s(job, order),
                      .reads = job.reads,
                      .blocks_missing = static_cast<std::uint32_t>(job.missing.size()),
                      .reads_more = job.missing.empty() ? 0 : job.reads_more,
                      .failure = job.failure,
                      .note = order.note.empty() ? job.note : order.note,
                      .simulated = options.simulated,
                      .kv = job.kv};
  if (made.expected_s > 0) made.left_s = std::max(made.expected_s - seconds_of(clock()), std::int64_t{1});
  if (known != jobs_.end() && !known->second.trouble.empty()) made.note = known->second.trouble;
  return made;
}

std::int64_t archivist_state::expected_s(const archive_job& job, const archive::lab_answer& order) const {
  if (!job.failure.empty()) return 0;
  const auto pooled = std::max(changed_at(job) + options.pool_window, clock());
  const auto& [synthesis, sequencing] = options.usual;
  if (job.state == archive_state::planned && synthesis && sequencing)
    return seconds_of(pooled + *synthesis + *sequencing);
  if (job.state == archive_state::asked && sequencing) return seconds_of(pooled + *sequencing);
  if (is_over(job) || !order.expected) return 0;
  const bool strands = job.state == archive_state::ordered && job.sequencing.empty();
  if (strands && !sequencing) return 0;
  return seconds_of(*order.expected + (strands ? *sequencing : std::chrono::seconds{0}));
}

counters archivist_state::stats() const {
  counters all{name, {}, {}};
  std::map<archive_state, std::int64_t> in;
  std::int64_t stopped = 0;
  for (const auto& [number, entry] : jobs_) {
    ++in[entry.job.state];
    stopped += !entry.job.failure.empty();
    if (!entry.trouble.empty())
      all.notes.push_back("job " + std::to_string(number) + " is tried again: " + entry.trouble);
  }
  if (!schedule_.trouble.empty()) all.notes.push_back("the schedule of recalls stays as it was: " + schedule_.trouble);
  all.values = {{"jobs_planned", in[archive_state::planned]},
                {"jobs_ordered", in[archive_state::ordered]},
                {"jobs_asked", in[archive_state::asked]},
                {"jobs_sequencing", in[archive_state::sequencing]},
                {"jobs_decoded", in[archive_state::decoded]},
                {"jobs_stopped", stopped},
                {"recalls_scheduled", scheduled_},
                {"recalls_expected", expected_},
                {"recalls_awaited", static_cast<std::int64_t>(waiting_.size())},
                {"conversations_archived", stored_},
                {"conversations_recalled", settled_},
                {"chunks_recalled", chunks_back_},
                {"jobs_failed", failed_},
                {"pcrs_ordered", pcrs_ordered_},
                {"reads_ordered", reads_ordered_},
                {"reads_short", short_}};
  if (options.simulated) all.notes.emplace_back("the laboratory is simulated");
  return all;
}

archivist_actor::behavior_type archivist(archivist_actor::stateful_pointer<archivist_state> self,
                                         registry_actor registry, keeper_actor keeper, carrier_actor carrier,
                                         eraser_actor tiers, lab_clock clock, archivist_options options) {
  auto& state = self->state;
  state.registry = std::move(registry);
  state.keeper = std::move(keeper);
  state.carrier = std::move(carrier);
  state.tiers = std::move(tiers);
  state.clock = std::move(clock);
  state.options = std::move(options);
  keep_last_words(self);
  self->link_to(state.keeper);  // neither is of use without the other
  self->link_to(state.carrier);
  self->send(self, atom::internal_v, atom::open_v);
  if (state.options.idle.count() > 0 || state.options.disk_is_full) self->send(self, atom::internal_v, atom::archive_v);
  if (state.options.schedule) self->send(self, atom::internal_v, atom::recall_v);
  if (state.options.expect > 0) self->send(self, atom::internal_v, atom::expect_v);
  return {
      [&state](atom::archive, const conversation_ref& which, bool kv) { return state.archive(which, kv); },
      [&state](atom::recall, const conversation_ref& which, bool kv) { return state.recall(which, kv); },
      [&state](atom::recall, atom::settle, const conversation_ref& which) { return state.await_recall(which); },
      [&state](atom::archive, atom::list, const std::string& tenant) { return state.list(tenant); },
      [&state](atom::internal, atom::archive) { state.look_for_idle(); },
      [&state](atom::internal, atom::recall) { state.look_at_schedule(); },
      [&state](atom::internal, atom::expect) { state.look_for_returns(); },
      [&state](atom::internal, atom::open) { state.open(); },
      [&state](atom::internal, atom::proceed, std::uint64_t timer) { state.on_timer(timer); },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
