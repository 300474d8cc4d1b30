#include "kv/policy/ranked.hpp"

namespace chromatin::kv {
namespace {

/// In the order of arrival, whatever is used meanwhile.
class fifo_policy final : public ranked_policy {
  void arrived(chunk_key, ranked_entry& e) override { e.value = static_cast<std::int64_t>(touches_); }
};

}  // namespace

std::unique_ptr<eviction_policy> make_fifo(const policy_setting&) { return std::make_unique<fifo_policy>(); }

}  // namespace chromatin::kv
