#pragma once

/// The gateway: where requests of every protocol come in. Checks limits, then leads a turn from registry to scheduler
/// and back. Knows nothing of models: text goes in, text comes out.

#include <unordered_map>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"

namespace chromatin {

struct gateway_limits {
  std::uint32_t message_bytes_max = 256u << 10;
  std::uint32_t name_bytes_max = 128;
  std::uint32_t stop_strings_max = 16;
  std::uint32_t answer_tokens_max = 1u << 16;  ///< a full window does not end an answer, so something else must
};

struct gateway_state {
  static inline const char* name = "gateway";

  explicit gateway_state(gateway_actor::stateful_pointer<gateway_state> owner) : self{owner} {}

  caf::result<turn_statistics> say(say_request request, std::shared_ptr<token_sink> sink);
  void cancel(turn_id id);
  /// What is wrong with a request, or an empty error.
  caf::error check(const say_request& request) const;
  caf::error check(const conversation_ref& conversation) const;
  caf::error check_text(const std::string& text) const;
  counters stats() const;

  gateway_actor::stateful_pointer<gateway_state> self;
  registry_actor registry;
  scheduler_actor scheduler;
  gateway_limits limits;

 private:
  struct running_turn {
    say_request request;
    caf::typed_response_promise<turn_statistics> promise;
    bool cancelled = false;
    std::uint32_t dropped_tokens = 0;  ///< to make room for the message
  };

  void start(turn_id id, prepared_turn& prepared, std::shared_ptr<token_sink> sink);
  void settle(turn_id id, std::uint64_t version, turn_outcome& outcome);
  void give_up(turn_id id, const caf::error& error);
  void fail(turn_id id, const caf::error& error);

  std::unordered_map<turn_id, running_turn> turns;
  std::int64_t turns_begun = 0, turns_done = 0, turns_failed = 0, turns_cancelled = 0;
};

gateway_actor::behavior_type gateway(gateway_actor::stateful_pointer<gateway_state> self, registry_actor registry,
                                     scheduler_actor scheduler, gateway_limits limits);

}  // namespace chromatin
