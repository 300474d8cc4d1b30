#pragma once

/// From logits to the next token.

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "model/sampling.hpp"

namespace chromatin::model {

/// What a device tells of all logits of a row.
struct shortlist {
  std::span<const std::pair<float, kv::token_id>> likeliest;  ///< logits falling, then tokens rising; not empty
  std::size_t vocabulary = 0;
  bool finite = true;       ///< all of them; the rest says nothing otherwise
  double sum = 0;           ///< of e^(logit - largest), give or take sum_error of it
  double tempered_sum = 0;  ///< of e^((logit - largest) / temperature), as exact
  static constexpr double sum_error = 1e-4;
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
  struct pick {
    bool known = true;
    std::optional<kv::token_id> token;
  };
  /// The token that next() of the whole row would give, and the same state afterwards; or, where the likeliest do not
  /// say which that is, not known, and nothing has changed.
  pick next(const shortlist& of);
  /// next() of a shortlist never knows with biases and penalties: whole rows are needed.
  bool takes_shortlists() const { return biases_.empty() && !less_.any(); }
  float temperature() const { return temperature_; }
  /// Of the token that next() gave last; null unless the sampling asks for it.
  const token_likelihood* likelihood() const { return tells_ ? &likelihood_ : nullptr; }

 private:
  using candidate = std::pair<float, kv::token_id>;  ///< a logit, later a weight

  kv::token_id draw(std::span<const float> logits);
  /// The logits with biases and penalties.
  std::span<const float> adjusted(std::span<const float> logits);
  /// The first `count` in the order of their logits are in candidates_.
  void rank(std::span<const float> logits, std::size_t count);
  /// Candidates' logits become weights; gives their sum.
  double weigh();
  /// One of the first `count` candidates, which weigh `mass` together.
  kv::token_id draw_of(std::size_t count, double mass);
  void count_in(kv::token_id token);
  void tell(std::span<const float> logits, kv::token_id token);
  std::optional<kv::token_id> draw(const shortlist& of);
  std::optional<kv::token_id> draw_between(double mass_least, double mass_most);
  void tell(const shortlist& of, kv::token_id token);

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
