// What a sampler does with a row of which it gets the likeliest tokens only.

#include <algorithm>
#include <cmath>

#include "kv/check.hpp"
#include "model/sampler.hpp"

namespace chromatin::model {

sampler::pick sampler::next(const shortlist& of) {
  if (!takes_shortlists()) return {.known = false, .token = {}};
  if (!of.finite) return {};
  CHROMATIN_CHECK(!of.likeliest.empty(), "a model has a vocabulary");
  if (tells_ && std::min<std::size_t>(*tells_, of.vocabulary) > of.likeliest.size())
    return {.known = false, .token = {}};
  auto token = temperature_ <= 0 ? of.likeliest.front().second : draw(of);
  if (!token) return {.known = false, .token = {}};
  if (tells_) tell(of, *token);
  return {.known = true, .token = token};
}

/// As draw() of a whole row does it, as long as every comparison comes out the same for all sums that are possible.
std::optional<kv::token_id> sampler::draw(const shortlist& of) {
  auto limit = top_k_ == 0 ? of.vocabulary : std::min(top_k_, of.vocabulary);
  candidates_.assign(of.likeliest.begin(),
                     of.likeliest.begin() + static_cast<std::ptrdiff_t>(std::min(limit, of.likeliest.size())));
  auto sum = weigh(), error = 0.0;
  if (limit > candidates_.size()) {
    if (limit < of.vocabulary) return std::nullopt;  // nobody knows the sum of so many
    if (!std::isfinite(of.tempered_sum)) return std::nullopt;
    sum = of.tempered_sum;
    error = shortlist::sum_error;
  }
  const auto wanted = top_p_ * sum, off = std::abs(wanted) * error;
  double mass = 0;
  std::size_t count = 0;
  for (;;) {
    mass += candidates_[count++].first;
    if (count == limit || !(mass < wanted + off)) break;
    const bool listed = count < candidates_.size();
    if (listed && !(candidates_[count].first >= min_p_)) break;
    if (!(mass < wanted - off)) return std::nullopt;
    if (!listed) {
      if (min_p_ > 0) return std::nullopt;  // it may end anywhere
      auto most = std::min(wanted + off + candidates_.back().first, sum * (1 + error));
      return draw_between(std::max(mass, std::min(wanted - off, sum * (1 - error))), most);
    }
  }
  return draw_of(count, mass);
}

/// As draw_of() more tokens than the candidates, which weigh so much together.
std::optional<kv::token_id> sampler::draw_between(double mass_least, double mass_most) {
  constexpr double rounding = 1e-9;
  const auto before = random_;
  const auto share = std::uniform_real_distribution<double>{0, 1}(random_);
  double least = share * mass_least * (1 - rounding), most = share * mass_most * (1 + rounding), below = 0;
  for (auto [weight, token] : candidates_) {
    if (least < below) break;  // it may be the token before
    below += weight;
    if (most < below) return token;
  }
  random_ = before;
  return std::nullopt;
}

void sampler::tell(const shortlist& of, kv::token_id token) {
  auto logarithm_of = [shift = of.likeliest.front().first + std::log(of.sum)](float logit) {
    return static_cast<float>(logit - shift);
  };
  auto drawn = std::ranges::find(of.likeliest, token, &candidate::second);
  likelihood_ = {.token = token, .logarithm = logarithm_of(drawn->first), .likeliest = {}};
  for (auto [logit, which] : of.likeliest.first(std::min<std::size_t>(*tells_, of.likeliest.size())))
    likelihood_.likeliest.emplace_back(which, logarithm_of(logit));
}

}  // namespace chromatin::model
