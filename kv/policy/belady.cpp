#include "kv/policy/ranked.hpp"

namespace chromatin::kv {
namespace {

/// L. A. Belady, A study of replacement algorithms for a virtual-storage computer, 1966: what is used again latest
/// goes first.
class belady_policy final : public ranked_policy {
 public:
  explicit belady_policy(const foresight& future) : future_{future} {}

 private:
  void arrived(chunk_key key, ranked_entry& e) override { e.value = -future_.next_use(key); }
  void used(chunk_key key, ranked_entry& e, const chain_use&) override { e.value = -future_.next_use(key); }

  const foresight& future_;
};

}  // namespace

std::unique_ptr<eviction_policy> make_belady(const policy_setting& setting) {
  return std::make_unique<belady_policy>(*setting.future);
}

}  // namespace chromatin::kv
