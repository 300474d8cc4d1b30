#include "kv/policy/ranked.hpp"
#include "kv/policy/recent.hpp"

namespace chromatin::kv {
namespace {

/// Counts of chunks that left are remembered, the last million of them: what comes back is as popular as it was.
constexpr std::size_t remembered_max = 1u << 20;

/// By the number of turns that used the chunk; a turn counts when it settles.
class lfu_policy final : public ranked_policy {
  void arrived(chunk_key key, ranked_entry& e) override {
    if (auto past = gone_.take(key)) e.value = *past;
  }
  void used(chunk_key, ranked_entry& e, const chain_use& use) override { e.value += use.settled; }
  void left(chunk_key key, const ranked_entry& e) override { gone_.note(key, e.value); }

  recent<std::int64_t> gone_{remembered_max};
};

}  // namespace

std::unique_ptr<eviction_policy> make_lfu(const policy_setting&) { return std::make_unique<lfu_policy>(); }

}  // namespace chromatin::kv
