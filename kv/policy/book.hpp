#pragma once

/// What every policy keeps of a chunk: may it go, was it retired, is it awaited, how long is it retained. A policy says
/// only in which order those go that may.

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "kv/check.hpp"
#include "kv/eviction.hpp"
#include "kv/policy/recent.hpp"

namespace chromatin::kv {

/// Where a chunk stands before its policy's own order counts. The lower goes first.
struct standing {
  enum class group : std::uint8_t { retired, ordinary, awaited };

  group in = group::ordinary;
  std::int64_t awaited = 0;    ///< minus the expected start of the turn that awaits it: the last to start goes first
  std::uint32_t shallow = 0;   ///< of what one turn awaits, the deepest goes first, however it came here
  std::int32_t retention = 0;  ///< priority above or below the usual, as far as it has not decayed

  auto operator<=>(const standing&) const = default;
};

struct book_entry {
  chunk_facts facts;
  std::uint32_t pins = 0;
  bool safe = false;
  standing place;
  std::uint64_t used = 0;  ///< number of the last touch, or of the one before it arrived

  bool may_go() const { return pins == 0 && safe; }
};

/// Keeps the entries. `Entry` is a book_entry and what the policy adds to it.
template <class Entry>
class policy_book : public eviction_policy {
 public:
  void insert(chunk_key key, const chunk_facts& facts) final {
    auto [at, fresh] = entries_.try_emplace(key);
    CHROMATIN_CHECK(fresh, "a chunk arrives once");
    at->second.facts = facts;
    at->second.used = touches_;
    if (auto turns = awaited_.find(key); turns != awaited_.end()) await(at->second, turns->second.start);
    arrived(key, at->second);
    if (const auto early = early_.take(key)) happened_early(key, at->second, *early);
  }
  void safe_below(chunk_key key, bool safe) final {
    update(key, [&](Entry& e) { e.safe = safe; });
  }
  void touch(std::span<const chunk_key> chain, const chain_use& use) final {
    decay(use.now_us);
    ++touches_;
    begin_use(chain, use);
    if (use.settled)
      for (auto key : chain) await_one_less(key);
    for (auto key : chain)
      if (entries_.contains(key))
        update(key, [&](Entry& e) { use_entry(key, e, use, touches_); });
      else
        early_.note(key, {.touch = touches_, .use = use});
    end_use(chain, use);
  }
  void pin(chunk_key key) final {
    update(key, [](Entry& e) { ++e.pins; });
  }
  void unpin(chunk_key key) final {
    update(key, [](Entry& e) {
      CHROMATIN_CHECK(e.pins > 0, "a chunk is unpinned as often as it was pinned");
      --e.pins;
    });
  }
  void retire(chunk_key key) final {
    if (!entries_.contains(key)) return early_.note(key, {.retired = true});
    update(key, [](Entry& e) { e.place.in = standing::group::retired; });
    retired(key);
  }
  void erase(chunk_key key) final {
    update(key, [](Entry& e) {
      CHROMATIN_CHECK(e.pins == 0, "a pinned chunk stays");
      e.safe = false;  // takes it out of the set
    });
    left(key, entries_.at(key));
    entries_.erase(key);
  }
  std::uint64_t evictable_bytes() const final { return evictable_bytes_; }
  std::uint32_t pins(chunk_key key) const final {
    auto found = entries_.find(key);
    return found == entries_.end() ? 0 : found->second.pins;
  }
  void hint(std::span<const upcoming_turn>, std::int64_t) override {}

 protected:
  /// The chunk joins those that may go, or leaves them. What its order depends on changes only in between.
  virtual void enter(chunk_key key, const Entry& e) = 0;
  virtual void leave(chunk_key key, const Entry& e) = 0;
  /// Of interest to some policies: a chunk arrived; it is used, in a touch or, if it was not here then, when it
  /// arrives; it left; it was retired; a touch begins and ends.
  virtual void arrived(chunk_key, Entry&) {}
  virtual void used(chunk_key, Entry&, const chain_use&) {}
  virtual void left(chunk_key, const Entry&) {}
  virtual void retired(chunk_key) {}
  virtual void begin_use(std::span<const chunk_key>, const chain_use&) {}
  virtual void end_use(std::span<const chunk_key>, const chain_use&) {}

  template <class Change>
  void update(chunk_key key, Change change) {
    auto found = entries_.find(key);
    CHROMATIN_CHECK(found != entries_.end(), "a policy is told of the chunks it knows");
    auto& e = found->second;
    if (e.may_go()) {
      leave(key, e);
      evictable_bytes_ -= e.facts.bytes;
    }
    change(e);
    if (!e.may_go()) return;
    enter(key, e);
    evictable_bytes_ += e.facts.bytes;
  }

  /// For policies that heed the scheduler: the chunks of these turns go after all others (CachedAttention §3.3).
  void await_turns(std::span<const upcoming_turn> upcoming, std::int64_t now_us) {
    std::unordered_map<chunk_key, awaiting> next;
    for (const auto& turn : upcoming)
      for (auto key : turn.keys) {
        auto& by = next.try_emplace(key, awaiting{-(now_us + turn.starts_in_us)}).first->second;
        by.start = std::max(by.start, -(now_us + turn.starts_in_us));
        ++by.turns;
      }
    for (const auto& [key, by] : awaited_)
      if (!next.contains(key) && entries_.contains(key)) update(key, [](Entry& e) { await_no_more(e); });
    awaited_ = std::move(next);
    for (const auto& [key, by] : awaited_)
      if (auto at = entries_.find(key); at != entries_.end() && !awaits(at->second, by.start))
        update(key, [start = by.start](Entry& e) { await(e, start); });
  }

  /// Retention falls with time. Called before chunks are compared.
  void decay(std::int64_t now_us) {
    while (!retained_.empty() && retained_.begin()->due_us <= now_us) {
      auto r = retained_.extract(retained_.begin()).value();
      auto at = entries_.find(r.key);
      if (at == entries_.end() || at->second.used != r.touch) continue;  // gone, or used since
      if (--r.steps_left > 0) r.due_us += r.step_us, retained_.insert(r);
      update(r.key, [&](Entry& e) { e.place.retention = r.distance * r.steps_left / retention_steps; });
    }
  }

  std::unordered_map<chunk_key, Entry> entries_;
  std::uint64_t touches_ = 1;

 private:
  static constexpr std::int32_t retention_steps = 4;
  /// Chunks of which was told before they arrived, and which may never come; the newest are remembered.
  static constexpr std::size_t early_max = 1u << 14;

  /// What was told of a chunk that was not here: its last use, or that it was retired.
  struct early_news {
    std::uint64_t touch = 0;
    chain_use use = {};
    bool retired = false;
  };

  /// A chunk whose retention falls by a step at `due_us`.
  struct retained {
    std::int64_t due_us = 0;
    chunk_key key;
    std::uint64_t touch = 0;
    std::int64_t step_us = 0;
    std::int32_t distance = 0, steps_left = retention_steps;

    bool operator<(const retained& other) const {
      return std::tie(due_us, key, touch) < std::tie(other.due_us, other.key, other.touch);
    }
  };

  /// Turns that await a chunk.
  struct awaiting {
    std::int64_t start = 0;  ///< minus that of the first of them
    std::uint32_t turns = 0;
  };

  /// A turn that awaited the chunk is over. The queue is told anew only now and then: until then what was served
  /// already would be held before all that is still to come.
  void await_one_less(chunk_key key) {
    auto by = awaited_.find(key);
    if (by == awaited_.end() || --by->second.turns > 0) return;
    awaited_.erase(by);
    if (entries_.contains(key)) update(key, [](Entry& e) { await_no_more(e); });
  }
  static bool awaits(const Entry& e, std::int64_t start) {
    return e.place.in == standing::group::awaited && e.place.awaited == start;
  }
  static void await(Entry& e, std::int64_t start) {
    e.place.in = standing::group::awaited;
    e.place.awaited = start;
    e.place.shallow = ~e.facts.depth;
  }
  static void await_no_more(Entry& e) {
    if (e.place.in == standing::group::awaited) e.place.in = standing::group::ordinary;
    e.place.awaited = 0;
    e.place.shallow = 0;
  }
  /// If a turn saves it later, it is ranked as if it had been here: else it would look younger than its head, and the
  /// head would go before it. What is loaded is wanted.
  void happened_early(chunk_key key, Entry& e, const early_news& news) {
    if (!news.retired) return use_entry(key, e, news.use, e.facts.loaded ? touches_ : news.touch);
    if (e.facts.loaded) return;
    e.place.in = standing::group::retired;
    retired(key);
  }
  void use_entry(chunk_key key, Entry& e, const chain_use& use, std::uint64_t touch) {
    e.used = touch;
    if (e.place.in == standing::group::retired)
      e.place.in = awaited_.contains(key) ? standing::group::awaited : standing::group::ordinary;
    e.place.retention = 0;
    if (use.keep.ttl_us > 0 && use.keep.priority != usual_priority) {
      e.place.retention = use.keep.priority - usual_priority;
      auto step_us = std::max<std::int64_t>(use.keep.ttl_us / retention_steps, 1);
      auto due_us = use.now_us > std::numeric_limits<std::int64_t>::max() - step_us ? use.now_us : use.now_us + step_us;
      retained_.insert({due_us, key, touch, step_us, e.place.retention});
    }
    used(key, e, use);
  }

  recent<early_news> early_{early_max};
  std::unordered_map<chunk_key, awaiting> awaited_;
  std::set<retained> retained_;
  std::uint64_t evictable_bytes_ = 0;
};

}  // namespace chromatin::kv
