#include "model/sampler.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "kv/check.hpp"

namespace chromatin::model {

namespace {

/// What all of a vocabulary's logits come to with every token. Lanes, so that the compiler makes vectors of them.
struct extremes {
  float largest = -std::numeric_limits<float>::infinity();
  bool finite = true;
};

extremes extremes_of(std::span<const float> values) {
  constexpr std::uint32_t exponent = 0x7f800000;  // all ones in infinities and in what is not a number
  constexpr std::size_t lanes = 16;
  std::array<float, lanes> largest;
  std::array<std::uint32_t, lanes> broken{};
  largest.fill(-std::numeric_limits<float>::infinity());
  auto look = [&](std::size_t i, std::size_t lane) {
    largest[lane] = values[i] > largest[lane] ? values[i] : largest[lane];
    broken[lane] |= (std::bit_cast<std::uint32_t>(values[i]) & exponent) == exponent;
  };
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) look(i + lane, lane);
  for (; i < values.size(); ++i) look(i, i % lanes);
  return {*std::max_element(largest.begin(), largest.end()), std::accumulate(broken.begin(), broken.end(), 0u) == 0};
}

/// The first of the largest; none if any is infinite or not a number.
std::optional<kv::token_id> likeliest(std::span<const float> logits) {
  constexpr std::size_t block = 256;
  extremes best;
  std::size_t place = 0;  // of the block with the best
  for (std::size_t first = 0; first < logits.size(); first += block) {
    auto here = extremes_of(logits.subspan(first, std::min(block, logits.size() - first)));
    if (!here.finite) return std::nullopt;
    if (here.largest > best.largest) {
      best = here;
      place = first;
    }
  }
  while (logits[place] != best.largest) ++place;
  return static_cast<kv::token_id>(place);
}

}  // namespace

sampler::sampler(const sampling& how, std::size_t tokens)
    : temperature_{how.temperature}, top_k_{how.top_k}, top_p_{how.top_p}, random_{how.seed} {
  if (temperature_ > 0) random_.discard(tokens);  // next() draws once
}

std::optional<kv::token_id> sampler::next(std::span<const float> logits) {
  CHROMATIN_CHECK(!logits.empty(), "a model has a vocabulary");
  if (temperature_ <= 0) return likeliest(logits);
  if (!extremes_of(logits).finite) return std::nullopt;

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

  static_assert(decltype(random_)::word_size >= std::numeric_limits<double>::digits, "one draw makes a double");
  auto point = std::uniform_real_distribution<double>{0, mass}(random_);
  for (std::size_t i = 0; i + 1 < count; ++i)
    if ((point -= candidates_[i].first) < 0) return candidates_[i].second;
  return candidates_[count - 1].second;
}

}  // namespace chromatin::model
