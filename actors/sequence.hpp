#pragma once

/// One turn from its order to its outcome: its window, its pages and how far it is. Bookkeeping without an actor; the
/// scheduler asks and decides.

#include <deque>
#include <memory>
#include <optional>
#include <tuple>

#include <caf/actor_clock.hpp>

#include "actors/answer.hpp"
#include "actors/messages.hpp"
#include "model/checkpoint.hpp"
#include "model/text_stream.hpp"

namespace chromatin {

struct sequence {
  enum class phase : std::uint8_t {
    waiting,    ///< in the queue, without pages
    admitting,  ///< asked the device tier for pages
    promising,  ///< has pages; the tiers below have not said yet what they deliver
    running,
  };

  void begin(turn_order what, const std::shared_ptr<const model::tokenizer>& tokenizer);

  /// The total order of those who run: priority, then who answers already before who does not, then arrival.
  using place = std::tuple<int, bool, std::uint64_t>;
  place in_order() const { return {-int{order.priority}, outcome.answer.empty(), arrival}; }

  const std::vector<kv::token_id>& tokens() const { return order.window.tokens; }
  /// Tokens that have to be in the cache before the next one can be computed from the last.
  std::uint32_t prompt_tokens() const;
  /// What recomputing its window costs when nothing of it is in the cache: earlier windows too.
  std::size_t tokens_to_recompute() const;
  std::uint32_t tokens_left() const { return static_cast<std::uint32_t>(tokens().size()) - computed; }
  bool decoding() const { return later.empty() && tokens_left() == 1; }
  /// Tokens that its pages have room for.
  std::uint32_t room() const { return static_cast<std::uint32_t>(pages.size()) * kv::tokens_per_chunk; }
  /// The device tier knows it, even if it has no page just now.
  bool has_pages() const { return at == phase::promising || at == phase::running; }
  /// What it reuses is in its pages, loaded and copied. Before that its tail cannot be handed on.
  bool reuse_arrived() const { return at == phase::running && !loading && before.passed(); }
  /// It could go on, and is not in the step under way.
  bool held_up() const { return at == phase::running && !in_step && !loading && computed < room(); }
  /// What may be in the cache.
  kv::reusable reusable();
  kv::block_table table();
  /// Chunks that computing `count` more tokens fills up.
  std::vector<chunk> completed_by(std::uint32_t count);
  /// Who uses its chain.
  kv::chain_use use(std::int64_t now_us) const;

  turn_view view(caf::actor_clock::time_point now) const;

  /// Its part of the next step, of `count` tokens.
  step_part next_part(std::uint32_t count);

  /// Nothing of its part of a step counts: it draws again what it may have drawn in it.
  void take_back_draws();

  /// Text that is certain, for outcome and sink, with the likelihoods of its tokens.
  void give(std::string_view text);

  /// What its last admission added to the statistics did not come true.
  void forget_admission();

  /// Takes pages; `resident_tokens` of them are filled.
  void take(admitted granted);
  void add_pages(std::vector<kv::page_ref> more);
  /// Gives its pages back. With `keep_tail` what is computed remains in the cache; the window remembers that.
  release_order give_back(bool keep_tail, std::int64_t now_us);

  /// The kept chunks that a truncation left are not all there: the turn begins with the last window before, in which
  /// they can be computed, or, when that is not known any more, computes all of its window under keys of its own.
  /// Pages must have been given back.
  void rebuild();
  /// All of an earlier window is computed: the next one follows, by editing the block table.
  void next_window();
  /// A full window makes room for the answer to go on, by editing the block table. Returns how many tokens were
  /// dropped; 0 when nothing may go. The full one is remembered in `full_window`.
  std::uint32_t make_room(std::uint32_t context, const kv::overflow_policy& policy);
  /// Keys of the whole chunks that are computed, from the one with token `from` on.
  key_list computed_keys(std::uint32_t from = 0);

  /// A stop string ended the answer: its tokens leave the window. The user does not see them, so the model shall not.
  void cut_stop_string(const std::shared_ptr<const model::tokenizer>& tokenizer);

  turn_order order;
  answer<turn_outcome> result;
  std::uint64_t arrival = 0;
  phase at = phase::waiting;
  bool in_step = false;
  bool cancelled = false;
  bool gives_way = false;  ///< another turn gets its pages at the end of the step
  bool load_lost = false;  ///< its load failed or is late: it starts again at the end of the step

  kv::growing_chain chain;
  std::vector<kv::link> expected;  ///< what a waiting turn is expected to reuse, for hints
  std::vector<kv::page_ref> pages;
  std::uint32_t computed = 0;              ///< leading tokens of the window whose keys and values are in `pages`
  std::uint32_t reused = 0;                ///< of these, tokens that came from the cache
  std::shared_ptr<load_progress> loading;  ///< null when everything is in place
  caf::actor_clock::time_point load_begun{};
  gpu::fence before;              ///< to wait for before its first layer
  kv::chunk_key grown_from;       ///< the tail it began with; zero if there was none
  std::deque<kv::lineage> later;  ///< windows that follow the one it computes now
  bool window_changed = false;    ///< its beginning is not the one it came with
  /// The full window, from when it was shortened until a token needs the room.
  std::optional<kv::lineage> full_window;

  bool growing = false;  ///< asked for more pages
  bool starved = false;  ///< and was refused
  std::uint32_t load_failures = 0;
  std::uint32_t steps_lost = 0;  ///< one after the other, each with its executor
  bool may_load = true;
  std::uint32_t passed_over = 0;  ///< turns behind it that were admitted before it

  // The queue's (actors/turn_queue.hpp):
  bool share_known = false, paid = false;  ///< its client and connection count it; its client has paid `price`
  double start_tag = 0, price = 0;         ///< its place among its client's connections; tokens that it may cost

  std::shared_ptr<model::sampler> sampler;
  std::unique_ptr<model::text_stream> stream;
  std::deque<model::token_likelihood> likelihoods;  ///< of tokens whose text is not out yet, where they are asked for
  std::size_t likelihoods_given = 0;
  turn_outcome outcome;
  turn_statistics before_admission;  ///< to begin the count again when a load is lost
  caf::actor_clock::time_point received{};

 private:
  /// Goes on with `next`, from which these chunks are gone, and of which at most `computed_max` tokens are computed.
  void move_to(kv::lineage next, const std::vector<kv::chunk_range>& removed, std::uint32_t computed_max);

  kv::block_table table_;
  std::vector<kv::token_id> prompt_end_;  ///< what the sampler has to know of the prompt
};

}  // namespace chromatin
