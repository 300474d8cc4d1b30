#include "kv/recency_list.hpp"

namespace chromatin::kv {

void recency_list::touch(std::span<const chunk_key> chain) {
  for (auto key = chain.rbegin(); key != chain.rend(); ++key) {
    if (auto known = where_.find(*key); known != where_.end())
      order_.splice(order_.end(), order_, known->second);
    else
      where_.emplace(*key, order_.insert(order_.end(), *key));
  }
}

void recency_list::erase(chunk_key key) {
  auto known = where_.find(key);
  if (known == where_.end()) return;
  order_.erase(known->second);
  where_.erase(known);
}

std::optional<chunk_key> recency_list::victim(const std::function<bool(chunk_key)>& may_go) {
  for (auto key : order_)
    if (may_go(key)) return key;
  return {};
}

}  // namespace chromatin::kv
