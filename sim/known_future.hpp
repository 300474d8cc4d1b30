#pragma once

/// What a trace will ask for, for Belady's policy.

#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

#include "kv/policy/policies.hpp"
#include "sim/trace.hpp"

namespace chromatin::sim {

class known_future final : public kv::foresight {
 public:
  /// The trace outlives it. It is read at the first question.
  explicit known_future(const trace& requests) : trace_{requests} {}

  /// The request under way.
  void at(std::size_t request) { now_ = static_cast<std::uint32_t>(request); }
  std::int64_t next_use(kv::chunk_key key) const override;

 private:
  const trace& trace_;
  std::uint32_t now_ = 0;
  mutable std::unordered_map<kv::chunk_key, std::vector<std::uint32_t>> uses_;  ///< requests, in order
};

}  // namespace chromatin::sim
