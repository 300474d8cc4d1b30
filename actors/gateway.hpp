#pragma once

/// The gateway: where requests of every protocol come in. Checks limits, then leads a turn from registry to scheduler
/// and back. Knows nothing of models: text goes in, text comes out. Every turn is answered: the gateway watches the
/// parts it leads turns through, and its own promises are kept when it dies itself.

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "actors/turn_time.hpp"
#include "actors/answer.hpp"
#include "actors/gateway_limits.hpp"
#include "actors/text_line.hpp"

namespace chromatin {

/// Turns that were cancelled before they came: a client's going away may overtake what it said.
class early_cancels {
 public:
  void add(turn_id id);
  /// True, once, if this turn was cancelled.
  bool take(turn_id id) { return ids_.erase(id) > 0; }

 private:
  static constexpr std::size_t size_max = 1u << 16;
  std::unordered_set<turn_id> ids_;
  std::deque<turn_id> order_;  ///< oldest first; taken ones too
};

struct gateway_state {
  static inline const char* name = "gateway";

  explicit gateway_state(gateway_actor::stateful_pointer<gateway_state> owner) : self{owner} {}

  caf::result<conversation_info> open(const conversation_ref& which, const std::string& system_prompt);
  caf::result<turn_statistics> say(say_request request, std::shared_ptr<token_sink> sink);
  void cancel(turn_id id);
  /// Asks the registry, and has the tiers erase the chunks of its answer.
  template <class... Message>
  caf::result<void> forget(Message... message);
  caf::result<turn_views> list();
  caf::result<std::uint32_t> stop(caf::timespan grace);
  void cancel_all();
  void on_down(const caf::actor_addr& who);
  /// What is wrong with a request, or an empty error.
  caf::error check(const say_request& request) const;
  caf::error check(const plain_prompt& prompt) const;
  caf::error check(const message_list& messages) const;
  counters stats() const;
  counters stats_of(const std::string& tenant) const;

  gateway_actor::stateful_pointer<gateway_state> self;
  registry_actor registry;
  scheduler_actor scheduler;
  eraser_actor tiers;  ///< told of forgotten chunks; may be null
  gateway_limits limits;
  archivist_actor archivist;  ///< null: the server has no archive

  caf::result<archive_ticket> archive(const conversation_ref& which, bool kv);
  caf::result<archive_ticket> recall(const conversation_ref& which, bool kv);
  caf::result<archive_tickets> list_archive(const std::string& tenant);

 private:
  struct running_turn {
    enum class phase : std::uint8_t { preparing, scheduled, settling };

    say_request request;
    answer<turn_statistics> promise;
    phase at = phase::preparing;
    bool cancelled = false;
    bool recalling = false;  ///< it waits for its conversation
    caf::actor_clock::time_point begun{};
    std::uint32_t dropped_tokens = 0;  ///< to make room for the message
  };

  struct tenant_counts {
    std::int64_t under_way = 0, begun = 0, done = 0, failed = 0, prompt_tokens = 0, answer_tokens = 0;
  };

  void append(turn_id id, message_list messages, std::shared_ptr<token_sink> sink);
  /// The turn's conversation is in DNA; `again` begins the turn anew.
  void archived(turn_id id, const caf::error& error, const std::function<void()>& again);
  /// `error` with what became of the recall that it leads to, if it does.
  void with_ticket(const conversation_ref& which, const caf::error& error, std::function<void(const caf::error&)> done);
  void start(turn_id id, prepared_turn& prepared, std::shared_ptr<token_sink> sink);
  void settle(turn_id id, turn_outcome& outcome);
  /// All of the turn is durable that is to be.
  void settled(turn_id id, const turn_statistics& statistics);
  /// Ends a turn that the registry prepared and nobody answered.
  void give_up(turn_id id, const caf::error& error, abandoned_turn end = {});
  void fail(turn_id id, const caf::error& error);
  void ended();
  caf::error cancelled() const;
  /// The error as its client gets it: what is overloaded says when to come back.
  caf::error for_client(const caf::error& error) const;

  std::unordered_map<turn_id, running_turn> turns;
  std::map<std::string, tenant_counts> tenants;
  text_line texts;  ///< on their way to the registry
  turn_time turns_take;
  early_cancels early;
  std::vector<answer<std::uint32_t>> stopped;  ///< who waits for the last turn
  bool stopping = false;
  std::uint32_t turns_stopped = 0;
  std::int64_t turns_begun = 0, turns_done = 0, turns_failed = 0, turns_cancelled = 0;
};

/// Spawn function. `tiers` is the device tier, or null where no cache outlives a turn.
gateway_actor::behavior_type gateway(gateway_actor::stateful_pointer<gateway_state> self, registry_actor registry,
                                     scheduler_actor scheduler, eraser_actor tiers, gateway_limits limits);

}  // namespace chromatin
