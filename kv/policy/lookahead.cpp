#include "kv/policy/ranked.hpp"

namespace chromatin::kv {
namespace {

/// CachedAttention §3.3, scheduler-aware eviction: nothing that a waiting turn needs goes before everything else; of
/// what is needed, what is needed last goes first. The rest goes as in lru.
class lookahead_policy final : public ranked_policy {
  void hint(std::span<const upcoming_turn> upcoming, std::int64_t now_us) override { await_turns(upcoming, now_us); }
};

}  // namespace

std::unique_ptr<eviction_policy> make_lookahead(const policy_setting&) { return std::make_unique<lookahead_policy>(); }

}  // namespace chromatin::kv
