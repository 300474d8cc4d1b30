#pragma once

/// How an answer's tokens are to be drawn, and what is told of them. Pure values; installed with the RPC client.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

/// What makes a token less likely that is among the last ones, of the prompt and of the answer: llama.cpp's penalties.
struct penalties {
  float repeat = 1;           ///< divides a positive logit and multiplies a negative one
  float presence = 0;         ///< is taken off the logit once,
  float frequency = 0;        ///< and this each time the token is there
  std::uint32_t last_n = 64;  ///< so many last tokens count

  bool any() const { return last_n > 0 && (repeat != 1 || presence != 0 || frequency != 0); }
};

/// Is added to a token's logit.
struct token_bias {
  kv::token_id token = 0;
  float bias = 0;

  bool operator==(const token_bias&) const = default;
};

/// How likely the model finds a token: natural logarithms, before biases, penalties and temperature.
struct token_likelihood {
  kv::token_id token = 0;
  float logarithm = 0;
  std::vector<std::pair<kv::token_id, float>> likeliest;  ///< of all tokens, the likeliest first
};

struct sampling {
  float temperature = 0;    ///< 0: greedy
  std::uint32_t top_k = 0;  ///< only the k likeliest; 0: all
  float top_p = 1;          ///< only the likeliest that sum up to p
  std::uint64_t seed = 0;
  std::vector<std::string> stop;      ///< texts that end an answer
  std::uint32_t tokens_max = 256;     ///< of an answer
  bool ignore_end_of_answer = false;  ///< for measuring: answers of a known length
  float min_p = 0;                    ///< only tokens at least so many times as likely as the likeliest
  penalties less = {};
  std::vector<token_bias> biases = {};
  std::optional<std::uint32_t> likelihoods = {};  ///< tell each token's, and this many of the likeliest; none: do not
};

}  // namespace chromatin::model
