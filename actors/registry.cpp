#include "actors/registry.hpp"

#include <random>

namespace chromatin {
namespace {

io::conversation_key key_of(const conversation_ref& which) { return {which.tenant, which.id}; }

kv::hash128 random_salt() {
  std::random_device entropy;  // the kernel's
  auto word = [&] { return std::uint64_t{entropy()} << 32 | entropy(); };
  return {word(), word()};
}

/// Runs `work`; what the store throws becomes the actor's answer.
template <class T, class Work>
caf::result<T> guarded(Work work) {
  try {
    return work();
  } catch (const io::version_conflict& e) {
    return caf::make_error(ec::version_conflict, std::string{e.what()});
  } catch (const io::sqlite_error& e) {
    return caf::make_error(ec::store_failed, std::string{e.what()});
  }
}

caf::error busy() { return caf::make_error(ec::busy, "a turn of this conversation is under way"); }

caf::error missing(const conversation_ref& which) {
  return caf::make_error(ec::no_conversation, "there is no conversation " + which.id);
}

}  // namespace

kv::lineage registry_state::new_window(kv::hash128 salt, const std::string& system_prompt) const {
  kv::lineage window{.tokens = checkpoint->chat.opening(), .root = kv::root_key(cache, salt)};
  auto rendered = system_prompt.empty() ? checkpoint->chat.default_system()
                                        : checkpoint->chat.render({"system", system_prompt});
  if (rendered.empty()) return window;
  window.tokens.insert(window.tokens.end(), rendered.begin(), rendered.end());
  window.keep = static_cast<std::uint32_t>(window.tokens.size());
  return window;
}

io::conversation_record registry_state::load_or_create(const conversation_ref& which,
                                                       const std::string& system_prompt) {
  if (auto record = store->load(key_of(which))) return *std::move(record);
  auto known = salts.find(which.tenant);
  if (known == salts.end()) known = salts.emplace(which.tenant, store->tenant_salt(which.tenant, random_salt())).first;
  return store->create(key_of(which), new_window(known->second, system_prompt), system_prompt);
}

conversation_info registry_state::describe(const conversation_ref& which) {
  auto record = load_or_create(which);
  return {which.id, record.version, static_cast<std::uint32_t>(record.window.tokens.size()), checkpoint->config.context,
          record.messages};
}

caf::result<conversation_info> registry_state::open(const conversation_ref& which, const std::string& system_prompt) {
  return guarded<conversation_info>([&]() -> caf::result<conversation_info> {
    if (!system_prompt.empty() && !store->load(key_of(which))) {
      auto window = new_window({}, system_prompt);
      if (kv::chunks_for(window.keep) * kv::tokens_per_chunk >= checkpoint->config.context)
        return full("the system prompt", window.keep);
      load_or_create(which, system_prompt);
    }
    return describe(which);
  });
}

std::vector<kv::token_id> registry_state::user_tokens(const io::conversation_record& record,
                                                      const std::string& text) const {
  std::vector<kv::token_id> tokens;
  if (record.last_role == "assistant") tokens = checkpoint->chat.after_answer();
  auto rendered = checkpoint->chat.render({"user", text}, record.last_role);
  tokens.insert(tokens.end(), rendered.begin(), rendered.end());
  return tokens;
}

caf::error registry_state::full(const std::string& what, std::size_t tokens) const {
  return caf::make_error(ec::context_full, what + " has " + std::to_string(tokens) +
                                               " tokens, the model's context has room for " +
                                               std::to_string(checkpoint->config.context));
}

caf::result<prepared_turn> registry_state::append(const conversation_ref& which, const std::string& text) {
  if (leased(which)) return busy();
  return guarded<prepared_turn>([&]() -> caf::result<prepared_turn> {
    auto record = load_or_create(which);
    auto tokens = user_tokens(record, text);
    auto answer = checkpoint->chat.answer_prompt();
    auto& window = record.window.tokens;
    auto new_tokens = tokens.size() + answer.size() + 1;  // one at least is for the answer
    auto context = checkpoint->config.context;
    if (new_tokens > context) return full("the message", tokens.size());
    auto room = context - static_cast<std::uint32_t>(new_tokens);
    auto dropped = kv::make_room(record.window, room, overflow);
    if (window.size() > room)
      return full("with this message, what may not be dropped of the conversation", window.size() + new_tokens - 1);
    window.insert(window.end(), tokens.begin(), tokens.end());
    io::appended_message message{"user", text, std::move(tokens)};
    if (dropped > 0)
      store->append(key_of(which), record.version, message, record.window);
    else
      store->append(key_of(which), record.version, message, record.window.settled);
    truncations += dropped > 0;
    leases.emplace(which.tenant, which.id);
    ++appends;
    window.insert(window.end(), answer.begin(), answer.end());
    return prepared_turn{std::move(record.window), record.version + 1, dropped};
  });
}

caf::result<conversation_info> registry_state::settle(const settlement& end) {
  release(end.conversation);
  return guarded<conversation_info>([&] {
    const auto& outcome = end.outcome;
    // An answer that was cut short is closed, so that the next message follows as the template wants it.
    std::vector<kv::token_id> closing;
    if (!checkpoint->config.is_end_of_answer(outcome.answer.back())) closing = {checkpoint->chat.answer_end()};
    io::appended_message message{"assistant", outcome.text, checkpoint->chat.answer_prompt()};
    for (const auto& part : {outcome.answer, closing})
      message.tokens.insert(message.tokens.end(), part.begin(), part.end());
    if (outcome.window) {
      auto window = *outcome.window;
      window.settled = outcome.settled;
      window.tokens.insert(window.tokens.end(), closing.begin(), closing.end());
      store->append(key_of(end.conversation), end.version, message, window);
      ++truncations;
    } else {
      store->append(key_of(end.conversation), end.version, message, outcome.settled);
    }
    ++settled;
    return describe(end.conversation);
  });
}

void registry_state::release(const conversation_ref& which) { leases.erase({which.tenant, which.id}); }

caf::result<conversation_info> registry_state::truncate(const conversation_ref& which, std::uint32_t protect,
                                                        double ratio) {
  if (leased(which)) return busy();
  return guarded<conversation_info>([&]() -> caf::result<conversation_info> {
    auto record = store->load(key_of(which));
    if (!record) return missing(which);
    if (kv::truncate(record->window, protect, ratio) > 0) {
      store->replace_window(key_of(which), record->version, record->window);
      ++truncations;
    }
    return describe(which);
  });
}

caf::result<conversation_info> registry_state::fork(const conversation_ref& which, const std::string& new_id) {
  if (leased(which)) return busy();
  return guarded<conversation_info>([&]() -> caf::result<conversation_info> {
    if (!store->load(key_of(which))) return missing(which);
    if (!store->fork(key_of(which), new_id))
      return caf::make_error(ec::invalid_argument, "there is a conversation " + new_id + " already");
    return describe({which.tenant, new_id});
  });
}

caf::result<void> registry_state::forget(const conversation_ref& which) {
  if (leased(which)) return busy();
  return guarded<void>([&]() -> caf::result<void> {
    store->forget(key_of(which));
    return {};
  });
}

counters registry_state::stats() {
  return {name,
          {{"conversations", store->conversations()},
           {"messages_appended", appends},
           {"answers_settled", settled},
           {"truncations", truncations},
           {"turns_leased", static_cast<std::int64_t>(leases.size())}}};
}

registry_actor::behavior_type registry(registry_actor::stateful_pointer<registry_state> self,
                                       std::shared_ptr<const model::checkpoint> checkpoint, kv::fingerprint cache,
                                       std::shared_ptr<io::registry_store> store, kv::overflow_policy overflow) {
  auto& state = self->state;
  state.checkpoint = std::move(checkpoint);
  state.cache = cache;
  state.store = std::move(store);
  state.overflow = overflow;
  return {
      [&state](atom::open, const conversation_ref& which, const std::string& system_prompt) {
        return state.open(which, system_prompt);
      },
      [&state](atom::append, const conversation_ref& which, const std::string& text) {
        return state.append(which, text);
      },
      [&state](atom::settle, const settlement& end) { return state.settle(end); },
      [&state](atom::release, const conversation_ref& which) { state.release(which); },
      [&state](atom::truncate, const conversation_ref& which, std::uint32_t protect, double ratio) {
        return state.truncate(which, protect, ratio);
      },
      [&state](atom::fork, const conversation_ref& which, const std::string& new_id) {
        return state.fork(which, new_id);
      },
      [&state](atom::forget, const conversation_ref& which) { return state.forget(which); },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
