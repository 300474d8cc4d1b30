#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <queue>

#include "kv/policy/book.hpp"
#include "kv/policy/bytes.hpp"
#include "kv/policy/open_turns.hpp"
#include "kv/policy/policies.hpp"
#include "kv/policy/recent.hpp"

namespace chromatin::kv {
namespace {

using conversation_id = open_turns::id;
/// Numbers of what is not known to be a conversation's: chunks that arrived together and were not used yet.
constexpr conversation_id unknown_from = conversation_id{1} << 63;
constexpr std::size_t users_max = 4;
constexpr std::size_t looks_max = 1;
/// Conversations that have become likelier to return and nobody asked for yet; of more the oldest are forgotten.
constexpr std::size_t risen_max = 1024;
/// Chunks that left and whose owner is remembered: what comes back ahead of its turn is worth what it was.
constexpr std::size_t gone_max = 1u << 18;
constexpr std::uint64_t learned_format =
    0x31'6e'72'75'74'65'72ULL;  ///< "return1", and by its bytes the machine's order

struct predictive_entry : book_entry {
  std::array<conversation_id, users_max> users{};  ///< the last one to use it first; 0: nobody
  conversation_id owner() const { return users[0]; }
};

/// The chunk goes first of which, for each second that it is held, the least is to be expected: the sum of the Gittins
/// indices of the conversations that use it (return_classes.hpp).
///
/// A conversation returns to all of its chunks, so they are ranked together, by its deepest chunk that may go: a rank
/// changes when the conversation reaches another age, not with every tick, and a decision never scans.
class predictive_policy final : public policy_book<predictive_entry> {
 public:
  std::vector<chunk_key> victims(std::uint64_t bytes, std::int64_t now_us) override;
  void hint(std::span<const upcoming_turn> upcoming, std::int64_t now_us) override { await_turns(upcoming, now_us); }
  std::vector<expected_use> expected(std::size_t chunks_max, std::int64_t now_us) override;
  std::optional<double> least_worth(std::int64_t now_us) override;
  bool foretells() const override { return true; }
  double returns_within(conversation_id who, std::int64_t horizon_us, std::int64_t now_us) override;
  std::vector<std::byte> learned() const override;
  bool learn(std::span<const std::byte> bytes) override;

 private:
  /// Of one owner's chunks: deepest first.
  using chunk_rank = std::tuple<std::uint32_t, chunk_key>;
  /// Owners: least worth first, of equals the one that was used least recently.
  using rank = std::tuple<std::int32_t, double, std::uint64_t, conversation_id>;
  using special_rank = std::tuple<standing, std::uint64_t, std::uint32_t, chunk_key>;

  struct group {
    std::size_t chunks = 0;
    std::set<chunk_rank> may_go;
    std::uint64_t used = 0;
    rank at;
    bool ranked = false, stale = false;
    chunk_key tail, old_tail;  ///< the last of the chain; the one before it, until it is known whether it was of use
    std::uint32_t length = 0;  ///< of the chain
  };

  void enter(chunk_key key, const predictive_entry& e) override;
  void leave(chunk_key key, const predictive_entry& e) override;
  void arrived(chunk_key key, predictive_entry& e) override;
  void used(chunk_key key, predictive_entry& e, const chain_use& use) override;
  void left(chunk_key key, const predictive_entry& e) override;
  void retired(chunk_key key) override;
  void begin_use(std::span<const chunk_key> chain, const chain_use& use) override;
  void end_use(std::span<const chunk_key> chain, const chain_use& use) override;

  static chunk_rank rank_of(chunk_key key, const predictive_entry& e) { return {~e.facts.depth, key}; }
  static special_rank special(chunk_key key, const predictive_entry& e) {
    return {e.place, e.used, ~e.facts.depth, key};
  }
  conversation_id open_unknown();
  void join(predictive_entry& e, conversation_id owner);
  void arrived_of(predictive_entry& e, conversation_id owner);
  void part(conversation_id owner);
  void mark(conversation_id owner);
  void learn_tail(group& g, std::span<const chunk_key> chain);
  void abandon_rest(conversation_id owner);
  double worth(chunk_key key, const predictive_entry& e) const;
  void catch_up(std::int64_t now_us);
  rank fresh_rank(conversation_id owner, const group& g, chunk_key deepest) const;
  void rank_stale();
  void take_ordinary(std::uint64_t bytes, std::uint64_t& freed, std::vector<chunk_key>& result);

  open_turns turns_{[this](conversation_id owner) { mark(owner); }};
  std::unordered_map<conversation_id, group> groups_;
  std::set<rank> order_;
  std::set<special_rank> special_;  ///< retired and awaited ones
  std::vector<conversation_id> stale_;
  std::deque<conversation_id> risen_;                            ///< whose rank has become better by itself
  mutable std::unordered_map<conversation_id, double> indices_;  ///< during one decision
  recent<conversation_id> gone_{gone_max};                       ///< whose the chunks were that left
  conversation_id next_unknown_ = unknown_from, arrivals_ = 0;
  conversation_id user_ = 0;                ///< during a touch
  double tails_seen_ = 8, tails_used_ = 8;  ///< a tail may be of no use to the next turn: one that is only copied whole
};

conversation_id predictive_policy::open_unknown() {
  turns_.opens_unknown(next_unknown_);
  return next_unknown_++;
}

void predictive_policy::mark(conversation_id owner) {
  auto found = groups_.find(owner);
  if (found == groups_.end() || std::exchange(found->second.stale, true)) return;
  stale_.push_back(owner);
}

void predictive_policy::enter(chunk_key key, const predictive_entry& e) {
  if (e.place.in != standing::group::ordinary) {
    special_.insert(special(key, e));
    return;
  }
  groups_.at(e.owner()).may_go.insert(rank_of(key, e));
  mark(e.owner());
}

void predictive_policy::leave(chunk_key key, const predictive_entry& e) {
  if (e.place.in != standing::group::ordinary) {
    special_.erase(special(key, e));
    return;
  }
  groups_.at(e.owner()).may_go.erase(rank_of(key, e));
  mark(e.owner());
}

/// Makes the owner the chunk's last user.
void predictive_policy::join(predictive_entry& e, conversation_id owner) {
  if (e.owner() == owner) return;
  auto before = e.owner();
  auto end = std::find(e.users.begin(), e.users.end(), owner);
  if (before >= unknown_from) end = e.users.begin();  // it was nobody's
  if (end == e.users.end()) --end;
  std::move_backward(e.users.begin(), end, end + 1);
  e.users[0] = owner;
  ++groups_[owner].chunks;
  part(before);
}

/// A chunk is the owner's no more.
void predictive_policy::part(conversation_id owner) {
  auto found = groups_.find(owner);
  CHROMATIN_CHECK(found != groups_.end() && found->second.chunks > 0, "who owns a chunk has a group");
  if (--found->second.chunks > 0) return;
  if (found->second.ranked) order_.erase(found->second.at);
  groups_.erase(found);
  if (owner >= unknown_from && owner != arrivals_) turns_.forget(owner);
}

void predictive_policy::arrived(chunk_key key, predictive_entry& e) {
  if (arrivals_ == 0) arrivals_ = open_unknown();
  e.users[0] = arrivals_;
  auto& g = groups_[arrivals_];
  ++g.chunks;
  g.used = touches_;
  if (const auto owner = gone_.take(key); owner && e.facts.loaded) arrived_of(e, *owner);
}

void predictive_policy::left(chunk_key key, const predictive_entry& e) {
  if (e.owner() < unknown_from) gone_.note(key, e.owner());
  part(e.owner());
}

void predictive_policy::begin_use(std::span<const chunk_key>, const chain_use& use) {
  turns_.advance(use.now_us);
  if (auto past = std::exchange(arrivals_, 0); past != 0 && !groups_.contains(past)) turns_.forget(past);
  user_ = use.conversation;
  if (user_ == 0 || user_ >= unknown_from)
    user_ = open_unknown();
  else if (!use.settled)
    turns_.begins(user_, use.turn);
  else
    turns_.settles(use);
}

void predictive_policy::used(chunk_key, predictive_entry& e, const chain_use& use) {
  if (user_ != 0)
    join(e, user_);
  else
    arrived_of(e, use.conversation);
}

/// The chunk is one of this conversation's, which may be over.
void predictive_policy::arrived_of(predictive_entry& e, conversation_id owner) {
  if (!turns_.knows(owner)) return;
  join(e, owner);
  groups_.at(owner).used = std::max(groups_.at(owner).used, e.used);
  mark(owner);
}

void predictive_policy::end_use(std::span<const chunk_key> chain, const chain_use& use) {
  auto user = std::exchange(user_, 0);
  auto found = groups_.find(user);
  if (found == groups_.end()) {
    if (user >= unknown_from) turns_.forget(user);
    return;
  }
  found->second.used = touches_;
  mark(user);
  if (!use.settled || chain.empty()) return;
  learn_tail(found->second, chain);
  abandon_rest(user);
}

void predictive_policy::learn_tail(group& g, std::span<const chunk_key> chain) {
  if (g.length > 0) {
    ++tails_seen_;
    bool again = chain.size() >= g.length && chain[g.length - 1] == g.tail;
    tails_used_ += again;
    g.old_tail = again ? chunk_key{} : g.tail;
  }
  g.tail = chain.back();
  g.length = static_cast<std::uint32_t>(chain.size());
}

/// A tail that is superseded was of use: the turn went on from a copy of it.
void predictive_policy::retired(chunk_key key) {
  auto found = groups_.find(entries_.at(key).owner());
  if (found == groups_.end() || found->second.old_tail != key) return;
  found->second.old_tail = {};
  ++tails_used_;
}

/// Chunks that the conversation does not go on with are left to their other users, or to nobody.
void predictive_policy::abandon_rest(conversation_id owner) {
  std::vector<chunk_key> left;
  for (auto [depth, key] : groups_.at(owner).may_go)
    if (entries_.at(key).used != touches_) left.push_back(key);
  for (auto key : left)
    update(key, [&](predictive_entry& e) {
      std::move(e.users.begin() + 1, e.users.end(), e.users.begin());
      e.users.back() = 0;
      ++groups_[e.owner()].chunks;
      part(owner);
      mark(e.owner());
    });
}

double predictive_policy::worth(chunk_key key, const predictive_entry& e) const {
  double sum = 0;
  for (auto user : e.users) {
    if (user == 0) continue;
    auto [at, fresh] = indices_.try_emplace(user);
    if (fresh) at->second = turns_.index(user);
    auto one = at->second;
    if (auto g = groups_.find(user); g != groups_.end() && g->second.tail == key) one *= tails_used_ / tails_seen_;
    sum += one;
  }
  return sum * e.facts.fill / tokens_per_chunk;
}

predictive_policy::rank predictive_policy::fresh_rank(conversation_id owner, const group& g, chunk_key deepest) const {
  const auto& e = entries_.at(deepest);
  return {e.place.retention, worth(deepest, e), g.used, owner};
}

void predictive_policy::rank_stale() {
  for (auto owner : std::exchange(stale_, {})) {
    auto found = groups_.find(owner);
    if (found == groups_.end()) continue;
    auto& g = found->second;
    g.stale = false;
    auto before = g.ranked ? std::get<1>(g.at) : std::numeric_limits<double>::infinity();
    if (std::exchange(g.ranked, false)) order_.erase(g.at);
    if (g.may_go.empty()) continue;
    g.at = fresh_rank(owner, g, std::get<chunk_key>(*g.may_go.begin()));
    g.ranked = order_.insert(g.at).second;
    if (std::get<1>(g.at) > before && turns_.is_idle(owner)) risen_.push_back(owner);
    if (risen_.size() > risen_max) risen_.pop_front();
  }
}

/// Ranks may be a little old: an owner that comes to the front is looked at again before its chunk is taken, and ranked
/// anew. All worths rise a little while their conversations' ages last, so it is one look more for each chunk, not as
/// many as it takes until none could be better.
void predictive_policy::take_ordinary(std::uint64_t bytes, std::uint64_t& freed, std::vector<chunk_key>& result) {
  struct candidate {
    rank at;
    const group* of;
    std::set<chunk_rank>::const_iterator chunk;
    bool operator<(const candidate& other) const { return other.at < at; }
  };
  std::priority_queue<candidate> front;
  auto next = order_.begin();
  auto push = [&](conversation_id owner, const group& g, std::set<chunk_rank>::const_iterator chunk) {
    auto now = fresh_rank(owner, g, std::get<chunk_key>(*chunk));
    if (now != g.at) mark(owner);
    front.push({now, &g, chunk});
  };
  auto looks_left = looks_max;
  while (freed < bytes) {
    if (next != order_.end() && (front.empty() || (looks_left > 0 && *next < front.top().at))) {
      looks_left -= looks_left > 0;
      auto owner = std::get<3>(*next++);
      const auto& g = groups_.at(owner);
      push(owner, g, g.may_go.begin());
      continue;
    }
    if (front.empty()) return;
    auto [at, of, chunk] = front.top();
    front.pop();
    looks_left = looks_max;
    result.push_back(std::get<chunk_key>(*chunk));
    freed += entries_.at(result.back()).facts.bytes;
    if (++chunk != of->may_go.end()) push(std::get<3>(at), *of, chunk);
  }
}

void predictive_policy::catch_up(std::int64_t now_us) {
  decay(now_us);
  turns_.advance(now_us);
  indices_.clear();
  rank_stale();
}

std::vector<expected_use> predictive_policy::expected(std::size_t chunks_max, std::int64_t now_us) {
  catch_up(now_us);
  std::map<double, conversation_id, std::greater<>> likeliest;
  for (auto owner : std::exchange(risen_, {}))
    if (auto g = groups_.find(owner); g != groups_.end() && g->second.ranked && turns_.is_idle(owner))
      likeliest.emplace(std::get<1>(g->second.at), owner);
  std::vector<expected_use> result;
  std::size_t chunks = 0;
  for (auto [worth, owner] : likeliest) {
    if (chunks >= chunks_max) break;
    auto& one = result.emplace_back(expected_use{.keys = {}, .worth = worth});
    const auto& may_go = groups_.at(owner).may_go;
    std::transform(may_go.rbegin(), may_go.rend(), std::back_inserter(one.keys),
                   [](auto& at) { return std::get<1>(at); });
    chunks += one.keys.size();
  }
  return result;
}

std::optional<double> predictive_policy::least_worth(std::int64_t now_us) {
  catch_up(now_us);
  if (!special_.empty() && std::get<standing>(*special_.begin()).in == standing::group::retired) return 0.0;
  if (order_.empty()) return {};
  return std::get<1>(*order_.begin());
}

double predictive_policy::returns_within(conversation_id who, std::int64_t horizon_us, std::int64_t now_us) {
  turns_.advance(now_us);
  return turns_.chance(who, static_cast<double>(horizon_us) / 1e6);
}

std::vector<chunk_key> predictive_policy::victims(std::uint64_t bytes, std::int64_t now_us) {
  catch_up(now_us);
  std::vector<chunk_key> result;
  std::uint64_t freed = 0;
  auto next = special_.begin();
  auto take_special = [&](standing::group in) {
    for (; next != special_.end() && std::get<standing>(*next).in == in && freed < bytes; ++next) {
      result.push_back(std::get<chunk_key>(*next));
      freed += entries_.at(result.back()).facts.bytes;
    }
  };
  take_special(standing::group::retired);
  take_ordinary(bytes, freed, result);
  take_special(standing::group::awaited);
  return result;
}

std::vector<std::byte> predictive_policy::learned() const {
  std::vector<std::byte> body;
  put(body, tails_seen_), put(body, tails_used_);
  turns_.save(body);
  std::vector<std::byte> out;
  put(out, learned_format), put(out, hash(body));
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

bool predictive_policy::learn(std::span<const std::byte> bytes) {
  CHROMATIN_CHECK(entries_.empty(), "a policy goes on with what another one learned before it begins");
  std::uint64_t format = 0;
  hash128 checksum;
  if (!take(bytes, format) || format != learned_format || !take(bytes, checksum) || checksum != hash(bytes))
    return false;
  double seen = 0, used = 0;
  return take(bytes, seen) && take(bytes, used) && turns_.load(bytes) && (tails_seen_ = seen, tails_used_ = used, true);
}

}  // namespace

std::unique_ptr<eviction_policy> make_predictive(const policy_setting&) {
  return std::make_unique<predictive_policy>();
}

}  // namespace chromatin::kv
