#pragma once

/// The merging of byte pair encoding. Pure; any thread.

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

/// Rules that replace two neighbouring tokens by one.
class byte_pairs {
 public:
  void reserve(std::size_t rules);
  /// Adds a rule that comes after all rules before it. False, and nothing changes, if there is one for this pair
  /// already.
  bool add(kv::token_id left, kv::token_id right, kv::token_id result);

  /// Applies the earliest rule that fits anywhere, at its leftmost place, until none fits. n log n.
  void merge(std::vector<kv::token_id>& tokens) const;

 private:
  struct rule {
    kv::token_id left, right, result;
  };
  std::vector<rule> rules_;
  std::unordered_map<std::uint64_t, std::uint32_t> rank_of_pair_;  ///< index into rules_
};

}  // namespace chromatin::model
