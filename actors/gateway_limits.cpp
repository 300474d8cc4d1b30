#include "actors/gateway_limits.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "model/utf8.hpp"

namespace chromatin {
namespace {

caf::error invalid(std::string field, std::string what) {
  return wrong_field(std::move(field), ec::invalid_argument, std::move(what));
}

/// Of penalties and biases, away from 0.
constexpr float weight_max = 100;
bool fits(float weight) { return std::abs(weight) <= weight_max; }

}  // namespace

caf::error gateway_limits::check_name(const std::string& field, const std::string& id) const {
  auto printable = [](char c) { return c > ' ' && c < 127; };
  if (!id.empty() && id.size() <= name_bytes_max && std::ranges::all_of(id, printable)) return {};
  return invalid(field, fmt::format("a conversation's name has 1 to {} printable ASCII characters without spaces",
                                    name_bytes_max));
}

caf::error gateway_limits::check_text(const std::string& field, const std::string& text) const {
  if (text.size() > message_bytes_max)
    return wrong_field(field, ec::too_large,
                       fmt::format("the text has {} bytes, the limit is {}", text.size(), message_bytes_max));
  if (!model::valid_utf8(text)) return wrong_field(field, ec::invalid_text, "the text is not valid UTF-8");
  return {};
}

caf::error gateway_limits::check_salt(const std::string& salt) const {
  if (salt.size() <= name_bytes_max) return {};
  return invalid("cache_salt", fmt::format("a cache_salt has at most {} bytes", name_bytes_max));
}

caf::error gateway_limits::check(const model::sampling& sampling) const {
  if (!(sampling.temperature >= 0 && sampling.temperature <= 100))
    return invalid("temperature", "temperature must be between 0 and 100");
  if (!(sampling.top_p > 0 && sampling.top_p <= 1)) return invalid("top_p", "top_p must be above 0, at most 1");
  if (!(sampling.min_p >= 0 && sampling.min_p <= 1)) return invalid("min_p", "min_p must be between 0 and 1");
  if (auto error = check_penalties(sampling)) return error;
  if (auto error = check_likelihoods(sampling)) return error;
  if (sampling.tokens_max == 0 || sampling.tokens_max > answer_tokens_max)
    return invalid("max_tokens", fmt::format("an answer has 1 to {} tokens", answer_tokens_max));
  return check_stops(sampling.stop);
}

caf::error gateway_limits::check_penalties(const model::sampling& sampling) const {
  const auto& less = sampling.less;
  if (!(less.repeat > 0 && less.repeat <= weight_max))
    return invalid("repeat_penalty", "repeat_penalty must be above 0, at most 100");
  if (!fits(less.presence)) return invalid("presence_penalty", "penalties must be between -100 and 100");
  if (!fits(less.frequency)) return invalid("frequency_penalty", "penalties must be between -100 and 100");
  if (sampling.biases.size() > biases_max)
    return wrong_field("logit_bias", ec::too_large, fmt::format("at most {} tokens have a bias", biases_max));
  if (!std::ranges::all_of(sampling.biases, [](const auto& b) { return fits(b.bias); }))
    return invalid("logit_bias", "a token's bias must be between -100 and 100");
  return {};
}

caf::error gateway_limits::check_likelihoods(const model::sampling& sampling) const {
  if (!sampling.likelihoods) return {};
  if (*sampling.likelihoods > likelihoods_max)
    return invalid("top_logprobs",
                   fmt::format("at most {} tokens' likelihoods are told beside each token's own", likelihoods_max));
  if (sampling.tokens_max > likely_tokens_max)
    return invalid("max_tokens",
                   fmt::format("an answer whose likelihoods are told has at most {} tokens", likely_tokens_max));
  return {};
}

caf::error gateway_limits::check_stops(const std::vector<std::string>& stops) const {
  if (stops.size() > stop_strings_max)
    return invalid("stop", fmt::format("there are at most {} stop strings", stop_strings_max));
  for (const auto& text : stops) {
    if (text.empty()) return invalid("stop", "an empty stop string would end every answer before it began");
    if (text.size() > stop_bytes_max)
      return wrong_field("stop", ec::too_large,
                         fmt::format("a stop string has at most {} bytes, this one {}", stop_bytes_max, text.size()));
  }
  return {};
}

}  // namespace chromatin
