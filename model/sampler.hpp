#pragma once

/// From logits to the next token.

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <span>
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

/// One answer's sampler: the same prompt, seed and logits give the same tokens. One thread at a time.
class sampler {
 public:
  /// As it is when it has drawn these tokens. Of the prompt, the last `how.less.last_n` tokens are enough.
  explicit sampler(const sampling& how, std::span<const kv::token_id> prompt = {},
                   std::span<const kv::token_id> drawn = {});
  /// None when one of the logits, of which there is at least one, is not a finite number: the model is broken then.
  /// Every bias is of a token that has a logit.
  std::optional<kv::token_id> next(std::span<const float> logits);
  /// Of the token that next() gave last; null unless the sampling asks for it.
  const token_likelihood* likelihood() const { return tells_ ? &likelihood_ : nullptr; }

 private:
  using candidate = std::pair<float, kv::token_id>;  ///< a logit, later a weight

  kv::token_id draw(std::span<const float> logits);
  /// The logits with biases and penalties.
  std::span<const float> adjusted(std::span<const float> logits);
  /// The first `count` in the order of their logits are in candidates_.
  void rank(std::span<const float> logits, std::size_t count);
  void count_in(kv::token_id token);
  void tell(std::span<const float> logits, kv::token_id token);

  float temperature_;
  std::size_t top_k_;
  float top_p_, min_p_;
  penalties less_;
  std::vector<token_bias> biases_;
  std::optional<std::uint32_t> tells_;
  std::mt19937_64 random_;
  std::deque<kv::token_id> last_;                ///< that count for the penalties, and
  std::map<kv::token_id, std::uint32_t> times_;  ///< how often each of them is there
  std::vector<candidate> candidates_, spare_;
  std::vector<float> adjusted_;
  token_likelihood likelihood_;
};

}  // namespace chromatin::model
