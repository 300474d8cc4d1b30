#pragma once

/// The scheduler: iteration-level batching with chunked prefill, and the one queue.
///
/// A turn waits here until the device tier gives it pages for its prompt and one more; its pages then grow with its
/// answer. Who waits is served in fair shares (actors/turn_queue.hpp). Who runs is in one total order: priority, then
/// answering before prefilling, then arrival. When pages are missing, the last in that order gives way to one before
/// it: its chunks are in the cache already, it waits and is continued by reuse. A priority counts among the turns of
/// one client only. A small turn may pass a big one that waits for room, but not for ever. Every change of the queue
/// goes out as a hint before anything else happens, so that hints travel ahead of compute.

#include <map>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "actors/step_plan.hpp"
#include "actors/step_shares.hpp"
#include "actors/turn_queue.hpp"

namespace chromatin {

struct scheduler_limits {
  std::uint32_t step_tokens_max = 512;  ///< new tokens of one step, over all sequences
  std::uint32_t batch_max = 16;         ///< turns that have pages at one time
  std::uint32_t queue_max = 1024;       ///< turns waiting; more are refused
  std::uint32_t decode_steps_max = 16;  ///< that the device takes by itself, as far as they are over soon
  std::uint32_t preemptions_max = 4;    ///< of one turn; then it gives way only when nobody could go on otherwise
  std::uint32_t passed_over_max = 16;   ///< turns that may be admitted before one that waits for room
  kv::overflow_policy overflow;         ///< of a window that an answer fills up
  loading_choice loading;
};

struct scheduler_state {
  static inline const char* name = "scheduler";

  explicit scheduler_state(scheduler_actor::stateful_pointer<scheduler_state> owner) : self{owner} {}

  caf::result<turn_outcome> take(turn_order order);
  void cancel(turn_id id);
  void on_promised(turn_id id, load_promise& promise);
  void run_step();
  void on_load_lost(turn_id id, bool late);
  void on_room();
  void attach(executor_actor other);
  void on_executor_down(const caf::error& reason);
  void on_executor_late(std::uint64_t which);
  void on_no_executor();
  /// A part without which no turn can run has died, and none will take its place.
  void on_down(const caf::error& reason);
  turn_views list();
  counters stats() const;

  scheduler_actor::stateful_pointer<scheduler_state> self;
  std::shared_ptr<const model::checkpoint> checkpoint;
  executor_actor executor;  ///< null between one that died and the next
  device_tier_actor device;
  prefetcher_actor prefetcher;
  scheduler_limits limits;

 private:
  // -- the queue --
  void enqueue(sequence& s);
  void leave_queue(const sequence& s);
  void send_hints();
  /// What computing it takes in place of loading; beside others it computes when what is loaded is there.
  kv::recompute_cost cost_of(const sequence& s, bool alone) const;
  void admit_next();
  void ask(sequence& s);
  void on_admitted(turn_id id, admitted& granted);
  void on_denied(sequence& s);
  void begin(sequence& s);
  bool before(const sequence& a, const sequence& b) const { return a.in_order() < b.in_order(); }

  // -- pages that grow, and who gives way (actors/preemption.cpp) --
  std::uint32_t tokens_max(const sequence& s) const;
  void grow(sequence& s);
  void on_grown(turn_id id, grown& more);
  void make_way(sequence& s);
  sequence* last_in_order(bool at_bound_too, const std::uint64_t* of_client = nullptr);
  /// Whether the order lets `s` have the pages of `other`.
  bool displaces(const sequence& s, const sequence& other) const;
  /// A turn whose client has more of the batch than its share, while the client of `s` has less.
  sequence* beyond_its_share(const sequence& s);
  void preempt(sequence& s);
  void release(sequence& s, bool keep_tail);

  // -- steps --
  void hurry_step();
  std::vector<sequence*> candidates();
  void on_step(const std::vector<planned_part>& parts, step_result& result);
  /// Takes what a step gave a turn; it may be over then, and gone.
  void take_part(const planned_part& done, step_result::part& given);
  bool take_token(sequence& s, kv::token_id token, model::token_likelihood* likelihood);
  /// An answer has filled its window. Truncated as late as can be: a turn that ends now keeps what it has.
  void shorten_window(sequence& s);
  void start_again(sequence& s);
  void lose_step();

  // -- the end of a turn --
  void finish(turn_id id, stop_reason reason);
  void fail(turn_id id, const caf::error& error);

  std::int64_t since(caf::actor_clock::time_point then) const;
  std::int64_t now_us() const;

  std::map<turn_id, sequence> turns;
  turn_queue queue;
  std::size_t changes_unsaid = 0;  ///< of the queue, since all of it was told
  std::vector<turn_id> running;    ///< turns with pages, as they were admitted
  turn_id asking = 0;              ///< the turn whose admission is under way; 0: none
  bool stepping = false;
  caf::error executor_error;  ///< why the last one died
  std::uint64_t executors_lost = 0;
  caf::error dead;  ///< set when no turn can run any more
  std::uint64_t arrivals = 0;
  pace speed;
  step_shares shares;
  std::set<step_shares::client> ready;  ///< clients whose turns could be in the step under way

  std::int64_t turns_done = 0, turns_failed = 0, turns_refused = 0, tokens_computed = 0, tokens_reused = 0,
               tokens_answered = 0, tokens_dropped = 0, first_tokens_us = 0, recomputing_us = 0, load_failures = 0,
               preemptions = 0, rebuilds = 0;
};

scheduler_actor::behavior_type scheduler(scheduler_actor::stateful_pointer<scheduler_state> self,
                                         std::shared_ptr<const model::checkpoint> checkpoint, executor_actor executor,
                                         device_tier_actor device, scheduler_limits limits);

}  // namespace chromatin
