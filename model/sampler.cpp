#include "model/sampler.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kv/check.hpp"

namespace chromatin::model {

bool all_finite(std::span<const float> values) {
  constexpr std::uint32_t exponent = 0x7f800000;  // all ones in infinities and in what is not a number
  bool finite = true;
  for (auto value : values) finite &= (std::bit_cast<std::uint32_t>(value) & exponent) != exponent;
  return finite;
}

namespace {

/// The first of the largest. Looks at all of a vocabulary with every token, so the outer loop's work is one that the
/// compiler turns into vectors.
kv::token_id likeliest(std::span<const float> logits) {
  auto ordered = [](float value) {  // whole numbers in the order of the floats, zeros being equal
    auto bits = std::bit_cast<std::int32_t>(value + 0.0f);
    return bits ^ ((bits >> 31) & 0x7fffffff);
  };
  constexpr std::size_t block = 256;
  auto best = std::numeric_limits<std::int32_t>::min();
  std::size_t place = 0;  // of the block with the best
  for (std::size_t first = 0; first < logits.size(); first += block) {
    auto top = std::numeric_limits<std::int32_t>::min();
    for (auto value : logits.subspan(first, std::min(block, logits.size() - first)))
      top = std::max(top, ordered(value));
    if (top > best) {
      best = top;
      place = first;
    }
  }
  while (ordered(logits[place]) != best) ++place;
  return static_cast<kv::token_id>(place);
}

}  // namespace

sampler::sampler(const sampling& how)
    : temperature_{how.temperature}, top_k_{how.top_k}, top_p_{how.top_p}, random_{how.seed} {}

std::optional<kv::token_id> sampler::next(std::span<const float> logits) {
  CHROMATIN_CHECK(!logits.empty(), "a model has a vocabulary");
  if (!all_finite(logits)) return std::nullopt;
  if (temperature_ <= 0) return likeliest(logits);

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
  do mass += candidates_[count++].first;
  while (count < kept && mass < top_p_ * sum);

  auto point = std::uniform_real_distribution<double>{0, mass}(random_);
  for (std::size_t i = 0; i + 1 < count; ++i)
    if ((point -= candidates_[i].first) < 0) return candidates_[i].second;
  return candidates_[count - 1].second;
}

}  // namespace chromatin::model
