#pragma once

/// The scheduler: iteration-level batching with chunked prefill.
///
/// A turn waits in the queue, is admitted by the device tier (which finds what of its chain can be reused), then takes
/// part in steps: first as prefill, a bounded number of tokens a step, then one token a step. Turns join and leave at
/// any step. Every change of the queue goes out as a hint before anything else happens, so that hints travel ahead of
/// compute.

#include <deque>
#include <map>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "model/checkpoint.hpp"
#include "model/text_stream.hpp"

namespace chromatin {

struct scheduler_limits {
  std::uint32_t step_tokens_max = 512;  ///< new tokens of one step, over all sequences
  std::uint32_t batch_max = 16;         ///< turns that have pages at one time
  std::uint32_t queue_max = 1024;       ///< turns waiting; more are refused
  std::uint32_t decode_steps_max = 16;  ///< that the executor takes by itself, as far as they are over soon
  kv::overflow_policy overflow;         ///< of a window that an answer fills up
};

/// One turn from its order to its outcome. Pure bookkeeping, testable without an actor.
struct sequence {
  enum class phase : std::uint8_t { queued, admitting, running };

  turn_order order;
  caf::typed_response_promise<turn_outcome> promise;
  phase at = phase::queued;
  bool cancelled = false;
  std::vector<kv::link> reuse;  ///< chain that may be in the cache
  std::vector<kv::page_ref> pages;
  std::shared_ptr<load_progress> loading;
  std::uint32_t computed = 0;  ///< leading tokens of the window whose keys and values are in `pages`
  std::uint32_t load_failures = 0;
  std::shared_ptr<model::sampler> sampler;
  std::unique_ptr<model::text_stream> stream;
  turn_outcome outcome;
  turn_statistics before;  ///< what windows before a truncation in mid-answer took
  caf::actor_clock::time_point received{};

  /// Tokens that have to be in the cache before the next one can be computed from the last.
  std::uint32_t prompt_tokens() const;
  const std::vector<kv::token_id>& tokens() const { return order.window.tokens; }
  /// Chunks that computing `count` more tokens fills up.
  std::vector<chunk> completed_by(std::uint32_t count) const;
  /// The partly filled chunk at the end of what is computed; without a page if there is none.
  chunk open_tail() const;
};

struct scheduler_state {
  static inline const char* name = "scheduler";

  explicit scheduler_state(scheduler_actor::stateful_pointer<scheduler_state> owner) : self{owner} {}

  caf::result<turn_outcome> take(turn_order order);
  void cancel(turn_id id);
  counters stats() const;

  scheduler_actor::stateful_pointer<scheduler_state> self;
  std::shared_ptr<const model::checkpoint> checkpoint;
  executor_actor executor;
  device_tier_actor device;
  std::vector<prefetcher_actor> listeners;
  scheduler_limits limits;

 private:
  void admit_more();
  void admit(sequence& s);
  void on_admitted(turn_id id, admitted& granted);
  void on_refused(turn_id id, const caf::error& error);
  void run_step();
  step_order build_step();
  void add_part(step_order& step, sequence& s, std::uint32_t count);
  void on_step(const std::vector<turn_id>& turns, const std::vector<std::uint32_t>& counts, const step_result& result);
  void on_step_error(const std::vector<turn_id>& turns, const caf::error& error);
  void take_token(sequence& s, kv::token_id token);
  /// An answer has filled its window up: the older part goes, and the turn asks for its pages again under the shorter
  /// block table. What stays is in the device still, so nothing is computed anew. False when nothing may go.
  bool shorten_window(sequence& s);
  void finish(turn_id id, stop_reason reason);
  void fail(turn_id id, const caf::error& error);
  void release_pages(sequence& s, bool keep_tail);
  /// Decode steps that the executor may take by itself: no chunk is filled, no answer passes its length, and newcomers
  /// do not wait long.
  std::uint32_t decode_steps(const step_order& step) const;
  /// Takes what a step gave a sequence; it may be over then, and gone.
  void take_part(turn_id id, std::uint32_t count, const std::vector<kv::token_id>& tokens);
  void learn(const step_result& result, std::uint32_t tokens);
  void send_hints();
  std::int64_t since(caf::actor_clock::time_point then) const;

  std::map<turn_id, sequence> turns;
  std::deque<turn_id> queue;
  std::vector<turn_id> running;  ///< in order of admission
  std::uint32_t admitting = 0;
  bool stepping = false;
  double prefill_us_per_token = 200;  ///< measured; the first guess only sets the first deadlines
  double decode_step_us = 0;          ///< measured; 0: not yet
  double turn_us = 100'000;           ///< measured; mean time between two turns that leave the queue

  std::int64_t turns_done = 0, turns_failed = 0, turns_refused = 0, tokens_computed = 0, tokens_reused = 0,
               tokens_answered = 0, tokens_dropped = 0, load_failures = 0;
};

scheduler_actor::behavior_type scheduler(scheduler_actor::stateful_pointer<scheduler_state> self,
                                         std::shared_ptr<const model::checkpoint> checkpoint, executor_actor executor,
                                         device_tier_actor device, scheduler_limits limits);

}  // namespace chromatin
