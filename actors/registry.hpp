#pragma once

/// The registry: who said what. Renders messages to tokens once and keeps the exact ids. A turn's messages are held
/// here until its answer is settled; then both are stored in one transaction. Blocks on its store, so it runs detached;
/// whatever the store throws becomes an answer. What waits in the mailbox is written in one batch: an answer that tells
/// of a write is given when the write is durable.

#include <functional>
#include <map>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "actors/rendering.hpp"
#include "actors/write_batch.hpp"
#include "io/registry_store.hpp"
#include "model/jinja/error.hpp"
#include "model/text_bound.hpp"

namespace chromatin {

struct registry_limits {
  kv::overflow_policy overflow;               ///< of windows that are full
  std::uint32_t conversations_max = 100'000;  ///< of one tenant
  /// What the chat template would write differently in earlier messages, now that others follow, stays as it was said.
  bool keep_reasoning = false;
  std::function<std::int64_t()> wall_clock_s = nullptr;  ///< what templates tell the time by; null: they cannot
  /// Takes chunks of conversations that were forgotten out of other models' caches; null: there are none.
  std::function<void(const key_list&)> erase_elsewhere = nullptr;
};

struct registry_state {
  static inline const char* name = "registry";

  explicit registry_state(registry_actor::stateful_pointer<registry_state> owner) : self{owner} {}

  caf::result<conversation_info> open(const conversation_ref& which, const std::string& system_prompt);
  caf::result<prepared_turn> append(const conversation_ref& which, turn_id turn, const message_list& messages,
                                    std::optional<std::uint32_t> known);
  caf::result<prepared_turn> append(const conversation_ref& which, const plain_prompt& prompt);
  caf::result<conversation_info> settle(const settlement& end);
  void release(const abandoned_turn& end);
  caf::result<conversation_info> truncate(const conversation_ref& which, std::uint32_t protect, double ratio);
  caf::result<conversation_info> fork(const conversation_ref& which, const std::string& new_id, std::uint32_t messages);
  caf::result<key_list> forget(const conversation_ref& which);
  caf::result<conversation_list> list(const std::string& tenant, const std::string& after, std::uint32_t count_max);
  caf::result<conversation_list> latest(const std::string& tenant, std::uint32_t count_max);
  caf::result<transcript> read(const conversation_ref& which, std::uint32_t first, std::uint32_t count_max);
  caf::result<key_list> lookup(const conversation_ref& which);
  caf::result<matched_conversation> match(const std::string& tenant, const std::string& salt,
                                          const message_list& messages);
  caf::result<void> put_point(const std::string& tenant, const std::string& name, const conversation_point& point);
  caf::result<conversation_point> find_point(const std::string& tenant, const std::string& name);
  caf::result<key_list> forget_point(const std::string& tenant, const std::string& name);
  caf::result<conversation_label> find_label(const conversation_ref& which);
  caf::result<conversation_label> put_metadata(const conversation_ref& which, const std::string& metadata);
  caf::result<archive_job> plan_archive(const conversation_ref& which, bool kv, std::int64_t now_s);
  caf::result<archive_job> ask_recall(const conversation_ref& which, bool kv, std::int64_t now_s);
  caf::result<archive_book> open_book();
  caf::result<job_list> list_jobs(const std::string& tenant);
  caf::result<archive_sources> read_sources(const job_list& jobs, bool with_said);
  caf::result<bool> save_job(const archive_job& job);
  caf::result<copy_dropped> drop_copy(const archive_job& job);
  caf::result<conversation_refs> idle(std::int64_t idle_s, std::uint32_t count_max);
  caf::result<job_list> list_archived(std::uint64_t after, std::uint32_t count_max);
  caf::result<bool> settle_recall(const archive_job& job, const recalled_conversation& what);
  counters stats();
  /// Makes durable what was written, and answers.
  void commit();
  /// `done` itself, or a promise of it when writes are under way.
  template <class T>
  caf::result<T> when_durable(caf::result<T> done);
  caf::result<void> when_durable(caf::result<void> done);

  registry_actor::stateful_pointer<registry_state> self;
  std::shared_ptr<const model::checkpoint> checkpoint;
  model::text_bound bound;  ///< of its tokenizer
  kv::fingerprint cache;    ///< of model and element type
  std::shared_ptr<io::registry_store> store;
  std::unique_ptr<write_batch> batch;  ///< of `store`
  registry_limits limits;
  eraser_actor tiers;  ///< null: no cache outlives a turn
  caf::actor_clock::time_point begun{};

 private:
  /// A turn under way: what it will store.
  struct provisional {
    conversation_ref conversation;
    io::conversation_change change;  ///< its messages, and the window with them
    std::vector<kv::token_id> answer_prompt;
    std::uint32_t known_tokens = 0;  ///< leading tokens of the window whose chunks the store knows
    std::uint32_t dropped_tokens = 0;
    bool taken_over = false;  ///< from another model,
    bool retold = false;      ///< which has other tokens
  };

  /// Runs `work`; what the store throws becomes the answer.
  template <class T, class Work>
  caf::result<T> guarded(Work work);
  rendering render() const {
    return rendering{checkpoint, limits.wall_clock_s ? std::optional{limits.wall_clock_s()} : std::nullopt};
  }
  /// Before every write.
  void begin_write();
  /// What begins now for this tenant, under this salt of a client's.
  kv::chunk_key root_of(const std::string& tenant, const std::string& salt);
  /// Of the tenant and of a client.
  kv::hash128 salt_of(const std::string& tenant, const std::string& salt);
  /// A window of a conversation that begins now, with what stands before the first message.
  void start_window(provisional& turn, const std::vector<kv::token_id>& head);
  /// A conversation of this name is new: nothing that was known of an earlier one counts.
  void note_made(const io::conversation_key& key);
  std::optional<io::conversation_record> load(const conversation_ref& which);
  conversation_info describe(const io::conversation_summary& summary) const;
  conversation_list describe(const std::vector<io::listed_conversation>& listed) const;
  caf::error check_roles(const message_list& messages, bool fresh) const;
  caf::error full(const std::string& field, const std::string& what, std::size_t tokens) const;
  /// `full` for texts that are seen to be too long before they are turned into tokens, which takes time.
  caf::error check_length(const std::string& field, const std::string& what, std::size_t tokens_at_least) const;
  /// Whether the tenant has room for another conversation: one that nobody named goes for it.
  caf::error make_room(const std::string& tenant);
  caf::result<prepared_turn> prepare(provisional& turn, const message_list& messages,
                                     std::optional<std::uint32_t> known);
  /// The model, of those that were served from this store, whose cache a window with this root has.
  std::optional<io::served_model> model_of(kv::chunk_key root, const conversation_ref& which);
  /// The window goes on with the model that is served, with nothing of it computed. An error where it is no model's
  /// with this salt.
  caf::error take_over(provisional& turn, io::conversation_record& record);
  /// Begins a provisional turn of a conversation whose tokens are another model's: all that was said is written anew.
  std::vector<kv::token_id> begin_retold(provisional& turn, const message_list& messages);
  /// Another model may have more tokens than this one.
  void check_vocabulary(const conversation_ref& which, const kv::lineage& window) const;
  /// Whether another model's conversation can be cut back to so many messages.
  caf::error check_fork(const conversation_ref& which, const io::conversation_record& record, std::uint32_t messages);
  /// Answers with the chunks that nobody has any more.
  key_list forget_stored(const io::conversation_key& key);
  /// Begins a provisional turn: the window that its messages follow, and the messages. Answers with the tokens that go
  /// behind the window.
  std::vector<kv::token_id> begin(provisional& turn, std::optional<io::conversation_record> record,
                                  const message_list& messages);
  /// What was said in a conversation.
  message_list said_in(const conversation_ref& which);
  /// It is in DNA, and not here.
  bool is_archived(const conversation_ref& which);
  /// What is answered for a conversation that is not here.
  caf::error absent(const conversation_ref& which);
  /// Nothing where it was forgotten.
  std::optional<archive::archive_source> read_source(const archive_job& job, bool with_said);
  archive_job going_on(archive_job job, bool kv, std::int64_t now_s);
  archive_job add_job(archive_job job);
  void remove_settled(const job_list& of);
  /// The conversation's window as it was when it had `messages` messages.
  kv::lineage window_at(const conversation_ref& which, io::conversation_record record, std::uint32_t messages);

  std::map<turn_id, provisional> turns;
  /// When somebody spoke last in it or brought it back, of those that are not known to be idle.
  std::map<io::conversation_key, caf::actor_clock::time_point> spoken;
  std::map<std::string, kv::hash128> salts;  ///< of tenants
  std::int64_t appends = 0, settled = 0, truncations = 0, commits = 0, failures = 0, let_go = 0, rewritten = 0;
  std::int64_t taken_over = 0;  ///< conversations that went on with another model
};

/// Who holds the lease while the registry itself changes a conversation.
inline constexpr io::lease_owner clerk = ~io::lease_owner{0};

inline io::conversation_key key_of(const conversation_ref& which) { return {which.tenant, which.id}; }

/// What is answered for a conversation that is nowhere.
caf::error missing(const conversation_ref& which);

template <class T, class Work>
caf::result<T> registry_state::guarded(Work work) {
  try {
    return work();
  } catch (const io::version_conflict& e) {
    return caf::make_error(ec::version_conflict, std::string{e.what()});
  } catch (const io::lease_lost& e) {
    return caf::make_error(ec::busy, std::string{e.what()});
  } catch (const model::jinja::template_error& e) {
    return caf::make_error(ec::invalid_argument, std::string{"the model's chat template: "} + e.what());
  } catch (const std::exception& e) {
    ++failures;
    return caf::make_error(ec::store_failed, std::string{e.what()});
  }
}

registry_actor::behavior_type registry(registry_actor::stateful_pointer<registry_state> self,
                                       std::shared_ptr<const model::checkpoint> checkpoint, kv::fingerprint cache,
                                       std::shared_ptr<io::registry_store> store, registry_limits limits);

}  // namespace chromatin
