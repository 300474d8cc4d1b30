#pragma once

/// The registry: who said what. Renders messages to tokens once, keeps the exact ids, and answers only when what it
/// answers is durable. Blocks on its store, so it runs detached.

#include <map>
#include <set>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "io/registry_store.hpp"
#include "model/checkpoint.hpp"

namespace chromatin {

struct registry_state {
  static inline const char* name = "registry";

  explicit registry_state(registry_actor::stateful_pointer<registry_state> owner) : self{owner} {}

  caf::result<conversation_info> open(const conversation_ref& which, const std::string& system_prompt);
  caf::result<prepared_turn> append(const conversation_ref& which, const std::string& text);
  caf::result<conversation_info> settle(const settlement& end);
  caf::result<conversation_info> truncate(const conversation_ref& which, std::uint32_t protect, double ratio);
  caf::result<conversation_info> fork(const conversation_ref& which, const std::string& new_id);
  caf::result<void> forget(const conversation_ref& which);
  void release(const conversation_ref& which);
  counters stats();

  registry_actor::stateful_pointer<registry_state> self;
  std::shared_ptr<const model::checkpoint> checkpoint;
  kv::fingerprint cache;  ///< of model and element type
  std::shared_ptr<io::registry_store> store;
  kv::overflow_policy overflow;

 private:
  using key = std::pair<std::string, std::string>;

  io::conversation_record load_or_create(const conversation_ref& which, const std::string& system_prompt = {});
  /// A new conversation's window: the template's opening and the system prompt, which stays.
  kv::lineage new_window(kv::hash128 salt, const std::string& system_prompt) const;
  caf::error full(const std::string& what, std::size_t tokens) const;
  conversation_info describe(const conversation_ref& which);
  bool leased(const conversation_ref& which) const { return leases.contains({which.tenant, which.id}); }
  std::vector<kv::token_id> user_tokens(const io::conversation_record& record, const std::string& text) const;

  std::set<key> leases;  ///< conversations with a turn under way
  std::map<std::string, kv::hash128> salts;
  std::int64_t appends = 0, settled = 0, truncations = 0;
};

registry_actor::behavior_type registry(registry_actor::stateful_pointer<registry_state> self,
                                       std::shared_ptr<const model::checkpoint> checkpoint, kv::fingerprint cache,
                                       std::shared_ptr<io::registry_store> store, kv::overflow_policy overflow);

}  // namespace chromatin
