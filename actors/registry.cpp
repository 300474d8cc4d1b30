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

io::conversation_record registry_state::load_or_create(const conversation_ref& which) {
  if (auto record = store->load(key_of(which))) return *std::move(record);
  auto known = salts.find(which.tenant);
  if (known == salts.end()) known = salts.emplace(which.tenant, store->tenant_salt(which.tenant, random_salt())).first;
  return store->create(key_of(which),
                       kv::lineage{.tokens = checkpoint->chat.opening(), .parent = kv::root_key(cache, known->second)});
}

conversation_info registry_state::describe(const conversation_ref& which) {
  auto record = load_or_create(which);
  return {which.id, record.version, static_cast<std::uint32_t>(record.window.tokens.size()), checkpoint->config.context,
          record.messages};
}

caf::result<conversation_info> registry_state::open(const conversation_ref& which) {
  return guarded<conversation_info>([&] { return describe(which); });
}

std::vector<kv::token_id> registry_state::user_tokens(const io::conversation_record& record,
                                                      const std::string& text) const {
  std::vector<kv::token_id> tokens;
  if (record.last_role == "assistant") tokens = checkpoint->chat.after_answer();
  auto rendered = checkpoint->chat.render({"user", text}, record.last_role);
  tokens.insert(tokens.end(), rendered.begin(), rendered.end());
  return tokens;
}

caf::result<prepared_turn> registry_state::append(const conversation_ref& which, const std::string& text) {
  if (leased(which)) return busy();
  return guarded<prepared_turn>([&]() -> caf::result<prepared_turn> {
    auto record = load_or_create(which);
    auto tokens = user_tokens(record, text);
    auto answer = checkpoint->chat.answer_prompt();
    auto prompt_tokens = record.window.tokens.size() + tokens.size() + answer.size();
    if (prompt_tokens >= checkpoint->config.context)
      return caf::make_error(ec::context_full,
                             "with this message the conversation has " + std::to_string(prompt_tokens) +
                                 " tokens, the model's context has room for " +
                                 std::to_string(checkpoint->config.context) + "; truncate it or start a new one");
    store->append(key_of(which), record.version, {"user", text, tokens}, record.window.settled);
    leases.emplace(which.tenant, which.id);
    ++appends;
    auto& window = record.window.tokens;
    window.insert(window.end(), tokens.begin(), tokens.end());
    window.insert(window.end(), answer.begin(), answer.end());
    return prepared_turn{std::move(record.window), record.version + 1};
  });
}

caf::result<conversation_info> registry_state::settle(const settlement& end) {
  release(end.conversation);
  return guarded<conversation_info>([&] {
    auto tokens = checkpoint->chat.answer_prompt();
    tokens.insert(tokens.end(), end.outcome.answer.begin(), end.outcome.answer.end());
    // An answer that was cut short is closed, so that the next message follows as the template wants it.
    if (!checkpoint->config.is_end_of_answer(tokens.back())) tokens.push_back(checkpoint->chat.answer_end());
    store->append(key_of(end.conversation), end.version, {"assistant", end.outcome.text, tokens}, end.outcome.settled);
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
                                       std::shared_ptr<io::registry_store> store) {
  auto& state = self->state;
  state.checkpoint = std::move(checkpoint);
  state.cache = cache;
  state.store = std::move(store);
  return {
      [&state](atom::open, const conversation_ref& which) { return state.open(which); },
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
