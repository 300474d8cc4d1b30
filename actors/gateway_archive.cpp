// What clients ask of the archive, and turns on conversations that are in it: a part of the gateway.

#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "actors/gateway.hpp"

namespace chromatin {
namespace {

using std::chrono::seconds;

/// Where nobody knows how long it takes.
constexpr seconds usual_wait{60};

caf::error no_archive() {
  return caf::make_error(ec::not_available, "this server has no archive: its operator starts it with --dna FOLDER");
}

std::string text_of(const archive_ticket& told) {
  auto text = fmt::format("recall {} of the conversation {} is {}", told.number, told.id, told.state);
  if (!told.failure.empty()) return text + ", and stops: " + told.failure;
  if (told.expected_s > 0)
    text += fmt::format(", expected {:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(told.expected_s)));
  if (told.blocks_missing > 0)
    text += fmt::format("; {} blocks are missing, {} more reads may bring them", told.blocks_missing, told.reads_more);
  if (told.simulated) text += " (simulated)";
  return text;
}

}  // namespace

caf::result<archive_ticket> gateway_state::archive(const conversation_ref& which, bool kv) {
  if (auto error = limits.check_name("conversation", which.id)) return error;
  if (!archivist) return no_archive();
  return self->delegate(archivist, atom::archive_v, which, kv);
}

caf::result<archive_ticket> gateway_state::recall(const conversation_ref& which, bool kv) {
  if (auto error = limits.check_name("conversation", which.id)) return error;
  if (!archivist) return no_archive();
  return self->delegate(archivist, atom::recall_v, which, kv);
}

caf::result<archive_tickets> gateway_state::list_archive(const std::string& tenant) {
  if (!archivist) return no_archive();
  return self->delegate(archivist, atom::archive_v, atom::list_v, tenant);
}

void gateway_state::with_ticket(const conversation_ref& which, const caf::error& error,
                                std::function<void(const caf::error&)> done) {
  if (error != ec::archived || !archivist || limits.on_archived == archived_turn::reject) return done(error);
  self->request(archivist, caf::infinite, atom::recall_v, which, false)
      .then(
          [done](const archive_ticket& told) {
            done(come_back(ec::archived, text_of(told), told.left_s > 0 ? seconds{told.left_s} : usual_wait));
          },
          [done, error](const caf::error&) { done(error); });
}

void gateway_state::archived(turn_id id, const caf::error& error, const std::function<void()>& again) {
  const auto turn = turns.find(id);
  if (turn == turns.end() || turn->second.cancelled) return fail(id, cancelled());
  const auto& which = turn->second.request.conversation;
  if (!again) return with_ticket(which, error, [this, id](const caf::error& told) { fail(id, told); });
  turn->second.recalling = true;
  self->request(archivist, caf::infinite, atom::recall_v, atom::settle_v, which)
      .then(
          [this, id, again](const archive_ticket&) {
            const auto waited = turns.find(id);
            if (waited == turns.end()) return;  // cancelled meanwhile
            waited->second.recalling = false;
            again();
          },
          [this, id](const caf::error& failed) { fail(id, failed); });
}

}  // namespace chromatin
