#pragma once

/// What stands around a gateway in its tests: a registry, a scheduler and tiers that note what they are asked.

#include <map>

#include "actors/gateway.hpp"
#include "tests/actors/desk.hpp"

namespace chromatin::test {

/// What the parts around the gateway saw, and how they behave.
struct seen {
  std::vector<turn_id> appended, ordered, cancelled, settled;
  std::vector<kv::retention> kept;
  std::vector<abandoned_turn> released;
  std::vector<message_list> messages;
  std::vector<std::string> plain;
  std::vector<std::uint32_t> known;
  key_list erased;
  bool settling_hangs = false;
  caf::error turn_error;  ///< what the scheduler refuses turns with
  std::map<turn_id, caf::typed_response_promise<turn_outcome>> running;
  caf::typed_response_promise<conversation_info> hanging;
};

inline registry_actor::behavior_type fake_registry(registry_actor::pointer self, seen* log) {
  using info = caf::result<conversation_info>;
  return {
      [](atom::open, const conversation_ref& which, const std::string&) { return conversation_info{which.id}; },
      [=](atom::append, const conversation_ref&, turn_id turn, const message_list& messages) {
        log->appended.push_back(turn);
        log->messages.push_back(messages);
        return prepared_turn{{.tokens = {1, 2, 3}}, 0};
      },
      [=](atom::append, const conversation_ref&, const plain_prompt& prompt) {
        log->plain.push_back(prompt.text);
        return prepared_turn{{.tokens = {1, 2, 3}}, 0};
      },
      [=](atom::settle, const settlement& end) -> info {
        log->settled.push_back(end.turn);
        if (log->settling_hangs) return log->hanging = self->make_response_promise<conversation_info>();
        return conversation_info{end.conversation.id};
      },
      [=](atom::release, const abandoned_turn& end) { log->released.push_back(end); },
      [](atom::truncate, const conversation_ref& which, std::uint32_t, double) { return conversation_info{which.id}; },
      [](atom::fork, const conversation_ref&, const std::string& id, std::uint32_t messages) {
        return conversation_info{.id = id, .messages = messages};
      },
      [](atom::forget, const conversation_ref&) {
        return key_list{{1, 2}, {3, 4}};
      },
      [](atom::list, const std::string&, const std::string&, std::uint32_t count) { return conversation_list(count); },
      [](atom::list, const std::string&, std::uint32_t count) { return conversation_list(count); },
      [](atom::lookup, const conversation_ref&) { return key_list{}; },
      [](atom::read, const conversation_ref&, std::uint32_t first, std::uint32_t) {
        return transcript{.first = first};
      },
      [](atom::match, const std::string&, const std::string&, const message_list&) { return matched_conversation{}; },
      [=](atom::append, const conversation_ref&, turn_id turn, const message_list& messages, std::uint32_t known) {
        log->appended.push_back(turn);
        log->messages.push_back(messages);
        log->known.push_back(known);
        return prepared_turn{{.tokens = {1, 2, 3}}, 0};
      },
      [=](atom::point, const std::string&, const std::string&, const conversation_point&) -> caf::result<void> {
        return {};
      },
      [](atom::point, const std::string&, const std::string& name) {
        return conversation_point{name, 2, "note"};
      },
      [](atom::point, atom::forget, const std::string&, const std::string&) {
        return key_list{{5, 6}};
      },
      [](atom::label, const conversation_ref&) { return conversation_label{}; },
      [](atom::label, const conversation_ref&, const std::string&) { return conversation_label{}; },
      [](atom::attach, const eraser_actor&) {},
      [](atom::archive, const conversation_ref&, bool, std::int64_t) { return archive_job{}; },
      [](atom::recall, const conversation_ref&, bool, std::int64_t) { return archive_job{}; },
      [](atom::archive, atom::list) { return archive_book{}; },
      [](atom::archive, atom::list, const std::string&) { return job_list{}; },
      [](atom::archive, atom::read, const job_list&, bool) { return archive_sources{}; },
      [](atom::archive, atom::save, const archive_job&) { return true; },
      [](atom::archive, atom::erase, const archive_job&) { return copy_dropped{}; },
      [](atom::archive, atom::expect, std::int64_t, std::uint32_t) { return conversation_refs{}; },
      [](atom::archive, atom::lookup, std::uint64_t, std::uint32_t) { return job_list{}; },
      [](atom::archive, atom::settle, const archive_job&, const recalled_conversation&) { return true; },
      [](atom::internal, atom::commit) {},
      [=](atom::stats) {  // a test asks it to go on
        log->hanging.deliver(conversation_info{});
        return counters{};
      },
  };
}

/// Drops its promises when it dies, as a part without `answer` would.
inline scheduler_actor::behavior_type fake_scheduler(scheduler_actor::pointer self, seen* log) {
  return {
      [](atom::promised, turn_id, const load_promise&) {},
      [](atom::ready, turn_id, std::uint32_t) {},
      [](atom::failed, turn_id) {},
      [](atom::late, turn_id) {},
      [](atom::room) {},
      [=](atom::turn, const turn_order& order) -> caf::result<turn_outcome> {
        log->ordered.push_back(order.turn);
        log->kept.push_back(order.keep);
        if (log->turn_error) return log->turn_error;
        return log->running.emplace(order.turn, self->make_response_promise<turn_outcome>()).first->second;
      },
      [=](atom::cancel, turn_id turn) {
        log->cancelled.push_back(turn);
        if (auto node = log->running.extract(turn); !node.empty())
          node.mapped().deliver(turn_outcome{.answer = {5}, .kept_answer_tokens = 1, .text = "some"});
      },
      [=](atom::list) { return turn_views{{.turn = log->running.empty() ? 0 : log->running.begin()->first}}; },
      [](atom::attach, const prefetcher_actor&) {},
      [](atom::attach, const executor_actor&) {},
      [](atom::detach) {},
      [](atom::internal, atom::late, std::uint64_t) {},
      [=](atom::stats) {  // a test asks it to answer all turns
        for (auto& [id, promise] : log->running)
          promise.deliver(turn_outcome{.answer = {5}, .kept_answer_tokens = 1, .text = "yes"});
        log->running.clear();
        return counters{};
      },
  };
}

inline eraser_actor::behavior_type fake_tiers(eraser_actor::pointer, seen* log) {
  return {[=](atom::erase, const key_list& keys) { log->erased = keys; }};
}

}  // namespace chromatin::test
