#pragma once

/// From logits to the next token.

#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

struct sampling {
  float temperature = 0;    ///< 0: greedy
  std::uint32_t top_k = 0;  ///< only the k likeliest; 0: all
  float top_p = 1;          ///< only the likeliest that sum up to p
  std::uint64_t seed = 0;
  std::vector<std::string> stop;      ///< texts that end an answer
  std::uint32_t tokens_max = 256;     ///< of an answer
  bool ignore_end_of_answer = false;  ///< for measuring: answers of a known length
};

/// One answer's sampler: the same seed and logits give the same tokens. One thread at a time.
class sampler {
 public:
  /// As it is after so many tokens.
  explicit sampler(const sampling& how, std::size_t tokens = 0);
  /// None when one of the logits, of which there is at least one, is not a finite number: the model is broken then.
  std::optional<kv::token_id> next(std::span<const float> logits);

 private:
  float temperature_;
  std::size_t top_k_;
  float top_p_;
  std::mt19937_64 random_;
  std::vector<std::pair<float, kv::token_id>> candidates_;
};

}  // namespace chromatin::model
