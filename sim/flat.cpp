#include "sim/flat.hpp"

#include <algorithm>
#include <unordered_map>

#include "kv/policy/policies.hpp"
#include "sim/known_future.hpp"

namespace chromatin::sim {
namespace {

constexpr std::size_t parts_over_time = 50;

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// One tier's content and its policy.
class flat_tier {
 public:
  flat_tier(std::unique_ptr<kv::eviction_policy> policy, std::uint64_t capacity_tokens)
      : policy_{std::move(policy)}, capacity_tokens_{capacity_tokens} {}

  /// How many leading blocks of the chain are here.
  std::size_t run_of(const std::vector<block>& chain) const {
    auto absent = std::find_if(chain.begin(), chain.end(), [&](const block& b) { return !held_.contains(b.key); });
    return static_cast<std::size_t>(absent - chain.begin());
  }

  void touch(const std::vector<block>& chain, std::size_t count, const kv::chain_use& use) {
    keys_.clear();
    for (std::size_t i = 0; i < count; ++i) keys_.push_back(chain[i].key);
    policy_->touch(keys_, use);
  }

  /// The chain is here now; a block that has grown replaces the one that was.
  void insert(const std::vector<block>& chain) {
    for (std::uint32_t depth = 0; depth < chain.size(); ++depth) {
      const auto& b = chain[depth];
      if (auto here = held_.find(b.key); here != held_.end()) {
        if (here->second == b.tokens) continue;
        drop(here);
      }
      held_.emplace(b.key, b.tokens);
      used_tokens_ += b.tokens;
      inserted_tokens_ += b.tokens;
      policy_->insert(b.key, {.depth = depth, .bytes = b.tokens});
      policy_->safe_below(b.key, true);
    }
  }

  /// What the window does not show any more is of no use to anybody.
  void erase_before(const std::vector<block>& chain, const std::vector<block>& next) {
    if (next.empty()) return;
    for (const auto& b : chain) {
      if (b.key == next.front().key) return;
      if (auto here = held_.find(b.key); here != held_.end()) drop(here);
    }
  }

  void evict(std::int64_t now_us) {
    if (used_tokens_ <= capacity_tokens_) return;
    for (auto key : policy_->victims(used_tokens_ - capacity_tokens_, now_us)) {
      auto here = held_.find(key);
      evicted_tokens_ += here->second;
      drop(here);
    }
  }

  std::uint64_t inserted_tokens() const { return inserted_tokens_; }
  std::uint64_t evicted_tokens() const { return evicted_tokens_; }

 private:
  using content = std::unordered_map<kv::chunk_key, std::uint32_t>;

  void drop(content::iterator here) {
    used_tokens_ -= here->second;
    policy_->erase(here->first);
    held_.erase(here);
  }

  std::unique_ptr<kv::eviction_policy> policy_;
  std::uint64_t capacity_tokens_, used_tokens_ = 0, inserted_tokens_ = 0, evicted_tokens_ = 0;
  content held_;  ///< with the tokens that they take
  std::vector<kv::chunk_key> keys_;
};

}  // namespace

double run_result::hit_token_share() const { return share(hit_tokens, reusable_tokens); }
double run_result::full_hit_share() const { return share(full_hits, reusable_requests); }

run_result replay_flat(const trace& trace, const std::string& policy, std::uint64_t capacity_tokens,
                       std::vector<std::byte>* memory) {
  known_future future{trace};
  auto made = kv::make_policy(policy, {.future = &future});
  auto& learns = *made;
  // The conversations of the earlier run are others: what is learned is how people behave, not who comes when.
  const bool goes_on = memory && !memory->empty() && learns.learn(*memory);
  const std::uint64_t strangers = goes_on ? std::uint64_t{1} << 40 : 0;
  flat_tier tier{std::move(made), capacity_tokens};
  const auto& requests = trace.requests();
  run_result result;
  result.policy = policy;
  result.capacity_tokens = capacity_tokens;
  result.requests = requests.size();
  std::vector<block> before, after;
  std::uint64_t part_hits = 0, part_reusable = 0;
  auto parts = std::min(parts_over_time, requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto& r = requests[i];
    future.at(i);
    trace.reusable(i, before);
    trace.kept(i, after);
    auto run = tier.run_of(before);
    std::uint64_t reusable = 0, hit = 0;
    for (std::size_t k = 0; k < before.size(); ++k) reusable += before[k].counts, hit += k < run ? before[k].counts : 0;
    result.reusable_requests += reusable > 0;
    result.full_hits += reusable > 0 && hit == reusable;
    result.reusable_tokens += reusable, part_reusable += reusable;
    result.hit_tokens += hit, part_hits += hit;

    kv::chain_use use{
        .now_us = r.at_us, .conversation = r.conversation + strangers, .turn = i + 1, .prompt_tokens = r.prompt_tokens};
    tier.touch(before, run, use);
    tier.erase_before(before, after);
    tier.insert(after);
    use.answer_tokens = r.answer_tokens;
    use.settled = true;
    tier.touch(after, after.size(), use);
    tier.evict(r.at_us);
    if ((i + 1) * parts / requests.size() == i * parts / requests.size()) continue;
    result.hit_share_over_time.push_back(share(part_hits, part_reusable));
    part_hits = part_reusable = 0;
  }
  if (memory) *memory = learns.learned();
  result.inserted_tokens = tier.inserted_tokens();
  result.evicted_tokens = tier.evicted_tokens();
  return result;
}

}  // namespace chromatin::sim
