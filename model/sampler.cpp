#include "model/sampler.hpp"

#include <algorithm>
#include <cmath>

namespace chromatin::model {

sampler::sampler(const sampling& how)
    : temperature_{how.temperature}, top_k_{how.top_k}, top_p_{how.top_p}, random_{how.seed} {}

kv::token_id sampler::next(std::span<const float> logits) {
  if (temperature_ <= 0)
    return static_cast<kv::token_id>(std::max_element(logits.begin(), logits.end()) - logits.begin());

  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) candidates_.emplace_back(logits[i], static_cast<kv::token_id>(i));
  auto kept = top_k_ == 0 ? candidates_.size() : std::min(top_k_, candidates_.size());
  auto likelier = [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(kept), candidates_.end(),
                    likelier);
  candidates_.resize(kept);

  double sum = 0;
  auto best = candidates_.front().first;
  for (auto& [value, token] : candidates_) sum += value = std::exp((value - best) / temperature_);
  double mass = 0;
  std::size_t count = 0;
  while (count < kept && mass < top_p_ * sum) mass += candidates_[count++].first;

  auto point = std::uniform_real_distribution<double>{0, mass}(random_);
  for (std::size_t i = 0; i + 1 < count; ++i)
    if ((point -= candidates_[i].first) < 0) return candidates_[i].second;
  return candidates_[count - 1].second;
}

}  // namespace chromatin::model
