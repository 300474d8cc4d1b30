#include "kv/eviction.hpp"

#include "kv/check.hpp"

namespace chromatin::kv {

template <class Change>
void lru_policy::update(chunk_key key, Change change) {
  auto found = entries_.find(key);
  CHROMATIN_CHECK(found != entries_.end(), "a policy is told of the chunks it knows");
  auto& e = found->second;
  if (may_go(e)) {
    evictable_.erase(rank_of(key, e));
    evictable_bytes_ -= e.facts.bytes;
  }
  change(e);
  if (!may_go(e)) return;
  evictable_.insert(rank_of(key, e));
  evictable_bytes_ += e.facts.bytes;
}

void lru_policy::insert(chunk_key key, const chunk_facts& facts) {
  bool fresh = entries_.emplace(key, entry{.facts = facts, .used = touches_}).second;
  CHROMATIN_CHECK(fresh, "a chunk arrives once");
}

void lru_policy::safe_below(chunk_key key, bool safe) {
  update(key, [&](entry& e) { e.safe = safe; });
}

void lru_policy::touch(std::span<const chunk_key> chain, const chain_use&) {
  ++touches_;
  for (auto key : chain)
    if (entries_.contains(key)) update(key, [&](entry& e) { e.used = touches_, e.retired = false; });
}

void lru_policy::pin(chunk_key key) {
  update(key, [](entry& e) { ++e.pins; });
}

void lru_policy::unpin(chunk_key key) {
  update(key, [](entry& e) {
    CHROMATIN_CHECK(e.pins > 0, "a chunk is unpinned as often as it was pinned");
    --e.pins;
  });
}

void lru_policy::retire(chunk_key key) {
  if (entries_.contains(key)) update(key, [](entry& e) { e.retired = true; });
}

void lru_policy::erase(chunk_key key) {
  update(key, [](entry& e) {
    CHROMATIN_CHECK(e.pins == 0, "a pinned chunk stays");
    e.safe = false;  // takes it out of the set
  });
  entries_.erase(key);
}

std::vector<chunk_key> lru_policy::victims(std::uint64_t bytes, std::int64_t) const {
  std::vector<chunk_key> result;
  std::uint64_t freed = 0;
  for (auto next = evictable_.begin(); next != evictable_.end() && freed < bytes; ++next) {
    result.push_back(std::get<chunk_key>(*next));
    freed += entries_.at(result.back()).facts.bytes;
  }
  return result;
}

std::uint32_t lru_policy::pins(chunk_key key) const {
  auto found = entries_.find(key);
  return found == entries_.end() ? 0 : found->second.pins;
}

}  // namespace chromatin::kv
