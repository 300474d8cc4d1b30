#pragma once

/// What a policy remembers of chunks that are not in its tier: of the ones it noted last, so many.

#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

#include "kv/eviction.hpp"

namespace chromatin::kv {

template <class Value>
class recent {
 public:
  explicit recent(std::size_t chunks_max) : chunks_max_{chunks_max} {}

  /// Takes the place of what was noted of the chunk before.
  void note(chunk_key key, Value value) {
    values_.insert_or_assign(key, std::move(value));
    order_.push_back(key);
    for (; order_.size() > chunks_max_; order_.pop_front()) values_.erase(order_.front());
  }
  /// Of a chunk that arrives; nothing is remembered of it any more.
  std::optional<Value> take(chunk_key key) {
    auto noted = values_.extract(key);
    if (noted.empty()) return {};
    return std::move(noted.mapped());
  }

 private:
  std::size_t chunks_max_;
  std::unordered_map<chunk_key, Value> values_;
  std::deque<chunk_key> order_;  ///< in which they were noted, some of them more than once
};

}  // namespace chromatin::kv
