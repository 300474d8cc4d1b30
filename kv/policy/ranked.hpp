#pragma once

/// The base of policies that give each chunk a value when it arrives and when it is used. The lowest value goes first;
/// among equals the least recently used, and of those the deepest. A policy is one file beside this one and one line in
/// policies.inl (docs/policies.md).

#include <limits>

#include "kv/policy/book.hpp"
#include "kv/policy/policies.hpp"

namespace chromatin::kv {

struct ranked_entry : book_entry {
  std::int64_t value = 0;
};

class ranked_policy : public policy_book<ranked_entry> {
 public:
  std::vector<chunk_key> victims(std::uint64_t bytes, std::int64_t now_us) override {
    decay(now_us);
    std::vector<chunk_key> result;
    std::uint64_t freed = 0;
    for (auto next = evictable_.begin(); next != evictable_.end() && freed < bytes; ++next) {
      result.push_back(std::get<chunk_key>(*next));
      freed += entries_.at(result.back()).facts.bytes;
    }
    return result;
  }

 protected:
  void enter(chunk_key key, const ranked_entry& e) final { evictable_.insert(rank_of(key, e)); }
  void leave(chunk_key key, const ranked_entry& e) final { evictable_.erase(rank_of(key, e)); }

 private:
  using rank = std::tuple<standing, std::int64_t, std::uint64_t, std::uint32_t, chunk_key>;

  static rank rank_of(chunk_key key, const ranked_entry& e) { return {e.place, e.value, e.used, ~e.facts.depth, key}; }

  std::set<rank> evictable_;
};

}  // namespace chromatin::kv
