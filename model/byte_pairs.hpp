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
  void reserve(std::size_t rules) { rules_.reserve(rules); }
  /// Adds a rule that comes after all rules of a smaller rank. False, and nothing changes, if there is one for this
  /// pair already.
  bool add(kv::token_id left, kv::token_id right, kv::token_id result, std::uint32_t rank);

  /// Applies the rule of the smallest rank that fits anywhere, at its leftmost place, until none fits. n log n.
  void merge(std::vector<kv::token_id>& tokens) const;

 private:
  struct rule {
    std::uint32_t rank;
    kv::token_id result;
  };
  std::unordered_map<std::uint64_t, rule> rules_;  ///< by pair
};

}  // namespace chromatin::model
