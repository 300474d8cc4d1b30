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

/// Larger for a smaller logit; the same for both zeros.
std::uint32_t place_of(float logit) {
  auto bits = std::bit_cast<std::uint32_t>(logit + 0.0f);
  return bits >> 31 ? bits : bits ^ 0x7fffffff;
}

/// Of a whole vocabulary, in the order of its tokens, which equal logits keep. By digits, since comparing takes ten
/// times as long.
void sort_likeliest_first(std::vector<std::pair<float, kv::token_id>>& all,
                          std::vector<std::pair<float, kv::token_id>>& spare) {
  constexpr unsigned digit_bits = 11, word_bits = 32;
  constexpr std::uint32_t digits = 1u << digit_bits;
  spare.resize(all.size());
  for (unsigned shift = 0; shift < word_bits; shift += digit_bits) {
    auto digit = [shift](const auto& one) { return place_of(one.first) >> shift & (digits - 1); };
    std::array<std::uint32_t, digits> next{};
    for (const auto& one : all) ++next[digit(one)];
    std::exclusive_scan(next.begin(), next.end(), next.begin(), 0u);
    for (const auto& one : all) spare[next[digit(one)]++] = one;
    all.swap(spare);
  }
}

}  // namespace

sampler::sampler(const sampling& how, std::span<const kv::token_id> prompt, std::span<const kv::token_id> drawn)
    : temperature_{how.temperature},
      top_k_{how.top_k},
      top_p_{how.top_p},
      min_p_{how.min_p},
      less_{how.less},
      biases_{how.biases},
      tells_{how.likelihoods},
      random_{how.seed} {
  if (temperature_ > 0) random_.discard(drawn.size());  // next() draws once
  if (!less_.any()) return;
  for (auto token : prompt) count_in(token);
  for (auto token : drawn) count_in(token);
}

void sampler::count_in(kv::token_id token) {
  last_.push_back(token);
  ++times_[token];
  if (last_.size() <= less_.last_n) return;
  auto oldest = times_.find(last_.front());
  if (--oldest->second == 0) times_.erase(oldest);
  last_.pop_front();
}

std::optional<kv::token_id> sampler::next(std::span<const float> logits) {
  CHROMATIN_CHECK(!logits.empty(), "a model has a vocabulary");
  bool adjusts = !biases_.empty() || less_.any();
  std::optional<kv::token_id> token;
  if (temperature_ <= 0 && !adjusts)
    token = likeliest(logits);
  else if (extremes_of(logits).finite)
    token = draw(adjusts ? adjusted(logits) : logits);
  if (!token) return token;
  if (less_.any()) count_in(*token);
  if (tells_) tell(logits, *token);
  return token;
}

std::span<const float> sampler::adjusted(std::span<const float> logits) {
  adjusted_.assign(logits.begin(), logits.end());
  for (auto [token, bias] : biases_) {
    CHROMATIN_CHECK(token < adjusted_.size(), "a bias is of a token that there is");
    adjusted_[token] += bias;
  }
  for (auto [token, times] : times_) {
    if (token >= adjusted_.size()) continue;  // in the window, and never drawn
    auto& logit = adjusted_[token];
    logit = logit > 0 ? logit / less_.repeat : logit * less_.repeat;
    logit -= less_.presence + static_cast<float>(times) * less_.frequency;
    logit = std::clamp(logit, std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max());
  }
  return adjusted_;
}

void sampler::rank(std::span<const float> logits, std::size_t count) {
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i) candidates_.emplace_back(logits[i], static_cast<kv::token_id>(i));
  auto likelier = [](const candidate& a, const candidate& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  if (count < candidates_.size())
    std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(count), candidates_.end(),
                      likelier);
  else
    sort_likeliest_first(candidates_, spare_);
  candidates_.resize(std::min(count, candidates_.size()));
}

kv::token_id sampler::draw(std::span<const float> logits) {
  if (temperature_ <= 0) return likeliest(logits).value();
  rank(logits, top_k_ == 0 ? logits.size() : top_k_);
  auto sum = weigh();
  double mass = 0;
  std::size_t count = 0;
  do mass += candidates_[count++].first;
  while (count < candidates_.size() && mass < top_p_ * sum && candidates_[count].first >= min_p_);
  return draw_of(count, mass);
}

double sampler::weigh() {
  double sum = 0;
  auto best = candidates_.front().first;
  for (auto& [value, token] : candidates_) sum += value = std::exp((value - best) / temperature_);
  return sum;
}

kv::token_id sampler::draw_of(std::size_t count, double mass) {
  static_assert(decltype(random_)::word_size >= std::numeric_limits<double>::digits, "one draw makes a double");
  auto point = std::uniform_real_distribution<double>{0, mass}(random_);
  for (std::size_t i = 0; i + 1 < count; ++i)
    if ((point -= candidates_[i].first) < 0) return candidates_[i].second;
  return candidates_[count - 1].second;
}

void sampler::tell(std::span<const float> logits, kv::token_id token) {
  double sum = 0;
  auto largest = extremes_of(logits).largest;
  for (auto logit : logits) sum += std::exp(logit - largest);
  auto logarithm_of = [&, shift = largest + std::log(sum)](float logit) { return static_cast<float>(logit - shift); };
  likelihood_ = {.token = token, .logarithm = logarithm_of(logits[token]), .likeliest = {}};
  if (*tells_ == 0) return;
  rank(logits, *tells_);
  for (auto [logit, which] : candidates_) likelihood_.likeliest.emplace_back(which, logarithm_of(logit));
}

}  // namespace chromatin::model
