#include "actors/registry.hpp"

#include <algorithm>

#include "actors/answer.hpp"
#include "actors/held_lease.hpp"
#include "actors/last_words.hpp"
#include "actors/registry_window.hpp"

namespace chromatin {
namespace {

/// More answers do not wait for one commit, so that the first of them does not wait long.
constexpr std::size_t batch_answers_max = 128;

caf::error busy() { return caf::make_error(ec::busy, "a turn of this conversation is under way"); }

}  // namespace

void registry_state::begin_write() {
  if (batch->under_way()) return;
  batch->begin();
  self->send(self, atom::internal_v, atom::commit_v);  // behind all that waits in the mailbox
}

void registry_state::commit() {
  commits += batch->under_way();
  if (batch->commit()) return;
  ++failures;
  salts.clear();  // one that was made in the batch is not stored
}

caf::result<void> registry_state::when_durable(caf::result<void> done) {
  if (done.flag != caf::rt_value || !batch->under_way()) return done;
  auto kept = std::make_shared<answer<caf::unit_t>>(self->make_response_promise<caf::unit_t>());
  batch->wait([kept](const caf::error* lost) { lost ? kept->deliver(*lost) : kept->deliver(caf::unit); });
  return caf::delegated<void>{};
}

template <class T>
caf::result<T> registry_state::when_durable(caf::result<T> done) {
  if (!batch->under_way() || done.flag != caf::rt_value) return done;
  auto promise = self->make_response_promise<T>();
  auto value = std::make_shared<T>(std::move(done.value.template get_mutable_as<T>(0)));
  batch->wait([kept = std::make_shared<answer<T>>(promise), value](const caf::error* lost) {
    lost ? kept->deliver(*lost) : kept->deliver(std::move(*value));
  });
  if (batch->waiting() >= batch_answers_max) commit();
  return promise;
}

kv::chunk_key registry_state::root_of(const std::string& tenant, const std::string& salt) {
  return kv::root_key(cache, salt_of(tenant, salt));
}

std::optional<io::conversation_record> registry_state::load(const conversation_ref& which) {
  auto record = store->load(key_of(which));
  // A window that an earlier format had truncated starts afresh (docs/formats.md).
  if (record && record->window.root == kv::chunk_key{}) record->window.root = root_of(which.tenant, {});
  return record;
}

conversation_info registry_state::describe(const io::conversation_summary& s) const {
  return {s.id, s.version, s.tokens, checkpoint->config.context, s.messages, s.last_role, s.damaged};
}

caf::result<conversation_info> registry_state::open(const conversation_ref& which, const std::string& system_prompt) {
  return guarded<conversation_info>([&]() -> caf::result<conversation_info> {
    auto key = key_of(which);
    if (auto known = store->find(key)) return describe(*known);
    if (is_archived(which)) return absent(which);
    held_lease lease{*store, key, clerk};
    // A turn under way makes the conversation when it settles.
    if (!lease.take(self->clock().now())) return describe({.id = which.id});
    if (auto error = make_room(which.tenant)) return error;
    if (auto error = check_length("messages", "the system prompt", bound.tokens_at_least(system_prompt))) return error;
    io::conversation_change change{.window = render().new_window(root_of(which.tenant, which.salt), system_prompt)};
    if (!system_prompt.empty()) {
      if (kv::chunks_for(change.window.keep) * kv::tokens_per_chunk >= checkpoint->config.context)
        return full("messages", "the system prompt", change.window.keep);
      change.messages = {{"system", system_prompt, render().system_message(change.window)}};
    }
    begin_write();
    store->write(key, clerk, change);
    note_made(key);
    return describe(*store->find(key));
  });
}

// -- a turn --

caf::result<prepared_turn> registry_state::append(const conversation_ref& which, turn_id turn,
                                                  const message_list& messages, std::optional<std::uint32_t> known) {
  if (turns.contains(turn)) return caf::make_error(ec::invalid_argument, "this turn is running already");
  return guarded<prepared_turn>([&]() -> caf::result<prepared_turn> {
    held_lease lease{*store, key_of(which), turn};
    if (!lease.take(self->clock().now())) {
      lease.keep();  // it is another turn's
      return busy();
    }
    provisional p{.conversation = which};
    auto prepared = prepare(p, messages, known);
    if (prepared.flag != caf::rt_value) return prepared;
    lease.keep();
    turns.emplace(turn, std::move(p));
    ++appends;
    return prepared;
  });
}

message_list registry_state::said_in(const conversation_ref& which) {
  message_list all;
  for (auto& m : store->read(key_of(which), 0, all_messages)) all.push_back({std::move(m.role), std::move(m.content)});
  return all;
}

void registry_state::start_window(provisional& turn, const std::vector<kv::token_id>& head) {
  turn.change.window = {.tokens = head, .root = root_of(turn.conversation.tenant, turn.conversation.salt)};
  if (head.size() > checkpoint->chat.opening().size())
    turn.change.window.keep = static_cast<std::uint32_t>(head.size());
}

std::vector<kv::token_id> registry_state::begin(provisional& turn, std::optional<io::conversation_record> record,
                                                const message_list& messages) {
  auto& change = turn.change;
  bool fresh = !record || record->messages == 0;
  auto before = fresh ? message_list{} : said_in(turn.conversation);
  auto made = render().go_on(before, messages);
  auto again = before.size() - made.kept;  // messages of before that the template writes differently now
  if (fresh || (made.kept == 0 && !limits.keep_reasoning)) {
    start_window(turn, made.head);
  } else if (again == 0 || limits.keep_reasoning) {
    change.window = std::move(record->window);
  } else {
    change.window = window_at(turn.conversation, *std::move(record), static_cast<std::uint32_t>(made.kept));
  }
  change.replaces_window = fresh || (again > 0 && !limits.keep_reasoning);
  rewritten += again > 0 && !limits.keep_reasoning;
  std::vector<kv::token_id> said;
  bool in_head = made.kept == 0 && (fresh ? messages : before)[0].role == "system";
  for (std::size_t i = 0; i < made.messages.size(); ++i) {
    bool is_new = i >= again;
    if ((is_new || !limits.keep_reasoning) && !(i == 0 && in_head))
      said.insert(said.end(), made.messages[i].begin(), made.messages[i].end());
    if (const auto& m = messages[is_new ? i - again : 0]; is_new)
      change.messages.push_back({m.role, m.content, std::move(made.messages[i])});
  }
  turn.answer_prompt = std::move(made.answer_prompt);
  return said;
}

caf::result<prepared_turn> registry_state::prepare(provisional& turn, const message_list& messages,
                                                   std::optional<std::uint32_t> known) {
  if (auto error = check_roles(messages, true)) return error;
  std::size_t at_least = 0;
  for (const auto& m : messages) at_least += bound.tokens_at_least(m.content);
  if (auto error = check_length("messages", "the message", at_least)) return error;
  auto record = load(turn.conversation);
  if (!record && is_archived(turn.conversation)) return absent(turn.conversation);
  if (known && *known != (record ? record->messages : 0))
    return caf::make_error(ec::busy, "the conversation has other messages than before");
  if (record && record->window.root != root_of(turn.conversation.tenant, turn.conversation.salt))
    if (auto error = take_over(turn, *record)) return error;
  if (record && !turn.retold) check_vocabulary(turn.conversation, record->window);
  if (auto error = check_roles(messages, !record || record->messages == 0)) return error;
  if (!record)
    if (auto error = make_room(turn.conversation.tenant)) return error;
  auto& change = turn.change;
  if (record) change.expected_version = record->version;
  bool retold = turn.retold && record->messages > 0;
  auto said = retold ? begin_retold(turn, messages) : begin(turn, std::move(record), messages);
  auto& window = change.window;
  auto context = checkpoint->config.context;
  const auto& prompt = turn.answer_prompt;
  auto new_tokens = said.size() + prompt.size() + 1;  // one at least is for the answer
  if (new_tokens > context) return full("messages", "the message", said.size());
  auto room = context - static_cast<std::uint32_t>(new_tokens);
  auto dropped = kv::make_room(window, room, limits.overflow);
  if (window.tokens.size() > room)
    return full("messages", "with this message, what may not be dropped of the conversation",
                window.tokens.size() + new_tokens - 1);
  change.replaces_window = change.replaces_window || dropped > 0 || turn.taken_over;
  turn.dropped_tokens = dropped;
  turn.known_tokens = window.settled;
  window.tokens.insert(window.tokens.end(), said.begin(), said.end());
  prepared_turn prepared{window, dropped};
  prepared.window.tokens.insert(prepared.window.tokens.end(), prompt.begin(), prompt.end());
  return prepared;
}

caf::result<conversation_info> registry_state::settle(const settlement& end) {
  auto node = turns.extract(end.turn);
  if (node.empty()) return caf::make_error(ec::invalid_argument, "this turn has no message to settle");
  auto& turn = node.mapped();
  held_lease lease{*store, key_of(turn.conversation), end.turn};
  return guarded<conversation_info>([&]() -> caf::result<conversation_info> {
    const auto& outcome = end.outcome;
    auto& change = turn.change;
    auto message =
        settle_window(change.window, outcome, turn.answer_prompt, render(), turn.known_tokens, change.chunks);
    change.messages.push_back({"assistant", outcome.text, std::move(message)});
    change.replaces_window = change.replaces_window || outcome.window;
    begin_write();
    store->write(key_of(turn.conversation), end.turn, change);
    if (change.expected_version == 0) note_made(key_of(turn.conversation));
    ++settled;
    spoken[key_of(turn.conversation)] = self->clock().now();
    truncations += turn.dropped_tokens > 0 || outcome.window;
    taken_over += turn.taken_over;
    return describe(*store->find(key_of(turn.conversation)));
  });
}

void registry_state::release(const abandoned_turn& end) {
  auto node = turns.extract(end.turn);
  if (node.empty()) return;
  auto& turn = node.mapped();
  held_lease lease{*store, key_of(turn.conversation), end.turn};
  if (!end.computed) return;
  // Nothing of it is stored but the keys of what it may have left in the tiers, for the day it is forgotten.
  guarded<void>([&]() -> caf::result<void> {
    auto window = turn.change.window;
    window.tokens.insert(window.tokens.end(), turn.answer_prompt.begin(), turn.answer_prompt.end());
    auto all = static_cast<std::uint32_t>(window.tokens.size());
    window.settled = std::min(all, end.settled.value_or(all / kv::tokens_per_chunk * kv::tokens_per_chunk));
    auto keys = chunks_of(window, turn.known_tokens);
    keys.insert(keys.end(), end.also_saved.begin(), end.also_saved.end());
    if (keys.empty()) return {};
    begin_write();
    store->note_chunks(key_of(turn.conversation), keys);
    return {};
  });
}

// -- a conversation --

caf::result<conversation_info> registry_state::truncate(const conversation_ref& which, std::uint32_t protect,
                                                        double ratio) {
  return guarded<conversation_info>([&]() -> caf::result<conversation_info> {
    held_lease lease{*store, key_of(which), clerk};
    if (!lease.take(self->clock().now())) return busy();
    auto record = load(which);
    if (!record) return absent(which);
    io::conversation_change change{
        .expected_version = record->version, .window = std::move(record->window), .replaces_window = true};
    if (kv::truncate(change.window, protect, ratio) > 0) {
      begin_write();
      store->write(key_of(which), clerk, change);
      ++truncations;
    }
    return describe(*store->find(key_of(which)));
  });
}

kv::lineage registry_state::window_at(const conversation_ref& which, io::conversation_record record,
                                      std::uint32_t messages) {
  if (messages == record.messages) return std::move(record.window);
  auto root = record.window.root;
  if (take_back(record.window, store->read(key_of(which), messages, all_messages))) return std::move(record.window);
  auto window = window_of(store->read(key_of(which), 0, messages), root, render());
  kv::make_room(window, checkpoint->config.context - 1, limits.overflow);
  return window;
}

caf::result<conversation_info> registry_state::fork(const conversation_ref& which, const std::string& new_id,
                                                    std::uint32_t messages) {
  return guarded<conversation_info>([&]() -> caf::result<conversation_info> {
    held_lease lease{*store, key_of(which), clerk};
    lease.take(self->clock().now());  // or a turn under way has it: what was settled before that stays as it is
    auto record = load(which);
    if (!record) return absent(which);
    if (auto error = make_room(which.tenant)) return error;
    auto count = std::min(messages, record->messages);
    if (auto error = check_fork(which, *record, count)) return error;
    auto window = window_at(which, *std::move(record), count);
    begin_write();
    if (is_archived({which.tenant, new_id}) || !store->fork(key_of(which), new_id, count, window, chunks_of(window, 0)))
      return wrong_field("id", ec::invalid_argument, "there is a conversation " + new_id + " already");
    note_made({which.tenant, new_id});
    return describe(*store->find({which.tenant, new_id}));
  });
}

caf::result<key_list> registry_state::forget(const conversation_ref& which) {
  return guarded<key_list>([&]() -> caf::result<key_list> {
    held_lease lease{*store, key_of(which), clerk};
    if (!lease.take(self->clock().now())) return busy();
    begin_write();
    return forget_stored(key_of(which));
  });
}

counters registry_state::stats() {
  counters result{name,
                  {{"messages_appended", appends},
                   {"answers_settled", settled},
                   {"truncations", truncations},
                   {"turns_leased", static_cast<std::int64_t>(turns.size())},
                   {"commits", commits}}};
  guarded<void>([&]() -> caf::result<void> {
    result.values.emplace(result.values.begin(), "conversations", store->conversations());
    return {};
  });
  result.values.emplace_back("store_failures", failures);
  result.values.emplace_back("conversations_let_go", let_go);
  result.values.emplace_back("histories_rewritten", rewritten);
  result.values.emplace_back("models_changed", taken_over);
  return result;
}

registry_actor::behavior_type registry(registry_actor::stateful_pointer<registry_state> self,
                                       std::shared_ptr<const model::checkpoint> checkpoint, kv::fingerprint cache,
                                       std::shared_ptr<io::registry_store> store, registry_limits limits) {
  auto& state = self->state;
  state.checkpoint = std::move(checkpoint);
  state.bound = model::text_bound{*state.checkpoint->tokenizer};
  state.cache = cache;
  keep_last_words(self);
  state.store = std::move(store);
  state.batch = std::make_unique<write_batch>(state.store);
  state.limits = limits;
  state.begun = self->clock().now();
  return {
      [&state](atom::open, const conversation_ref& which, const std::string& system_prompt) {
        return state.when_durable(state.open(which, system_prompt));
      },
      [&state](atom::append, const conversation_ref& which, turn_id turn, const message_list& messages) {
        return state.append(which, turn, messages, {});
      },
      [&state](atom::append, const conversation_ref& which, turn_id turn, const message_list& messages,
               std::uint32_t known) { return state.append(which, turn, messages, known); },
      [&state](atom::append, const conversation_ref& which, const plain_prompt& prompt) {
        return state.append(which, prompt);
      },
      [&state](atom::settle, const settlement& end) { return state.when_durable(state.settle(end)); },
      [&state](atom::release, const abandoned_turn& end) { state.release(end); },
      [&state](atom::truncate, const conversation_ref& which, std::uint32_t protect, double ratio) {
        return state.when_durable(state.truncate(which, protect, ratio));
      },
      [&state](atom::fork, const conversation_ref& which, const std::string& new_id, std::uint32_t messages) {
        return state.when_durable(state.fork(which, new_id, messages));
      },
      [&state](atom::forget, const conversation_ref& which) { return state.when_durable(state.forget(which)); },
      [&state](atom::list, const std::string& tenant, const std::string& after, std::uint32_t count_max) {
        return state.list(tenant, after, count_max);
      },
      [&state](atom::list, const std::string& tenant, std::uint32_t count_max) {
        return state.latest(tenant, count_max);
      },
      [&state](atom::read, const conversation_ref& which, std::uint32_t first, std::uint32_t count_max) {
        return state.read(which, first, count_max);
      },
      [&state](atom::lookup, const conversation_ref& which) { return state.lookup(which); },
      [&state](atom::match, const std::string& tenant, const std::string& salt, const message_list& messages) {
        return state.match(tenant, salt, messages);
      },
      [&state](atom::point, const std::string& tenant, const std::string& name, const conversation_point& point) {
        return state.when_durable(state.put_point(tenant, name, point));
      },
      [&state](atom::point, const std::string& tenant, const std::string& name) {
        return state.find_point(tenant, name);
      },
      [&state](atom::point, atom::forget, const std::string& tenant, const std::string& name) {
        return state.when_durable(state.forget_point(tenant, name));
      },
      [&state](atom::label, const conversation_ref& which) { return state.find_label(which); },
      [&state](atom::label, const conversation_ref& which, const std::string& metadata) {
        return state.when_durable(state.put_metadata(which, metadata));
      },
      [&state](atom::attach, const eraser_actor& tiers) { state.tiers = tiers; },
      [&state](atom::archive, const conversation_ref& which, bool kv, std::int64_t now_s) {
        return state.when_durable(state.plan_archive(which, kv, now_s));
      },
      [&state](atom::recall, const conversation_ref& which, bool kv, std::int64_t now_s) {
        return state.when_durable(state.ask_recall(which, kv, now_s));
      },
      [&state](atom::archive, atom::list) { return state.open_book(); },
      [&state](atom::archive, atom::list, const std::string& tenant) { return state.list_jobs(tenant); },
      [&state](atom::archive, atom::read, const job_list& jobs, bool with_said) {
        return state.when_durable(state.read_sources(jobs, with_said));
      },
      [&state](atom::archive, atom::save, const archive_job& job) { return state.when_durable(state.save_job(job)); },
      [&state](atom::archive, atom::erase, const archive_job& job) { return state.when_durable(state.drop_copy(job)); },
      [&state](atom::archive, atom::expect, std::int64_t idle_s, std::uint32_t count_max) {
        return state.idle(idle_s, count_max);
      },
      [&state](atom::archive, atom::lookup, std::uint64_t after, std::uint32_t count_max) {
        return state.list_archived(after, count_max);
      },
      [&state](atom::archive, atom::settle, const archive_job& job, const recalled_conversation& what) {
        return state.when_durable(state.settle_recall(job, what));
      },
      [&state](atom::internal, atom::commit) { state.commit(); },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
