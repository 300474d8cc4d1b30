// What the gateway refuses before anybody hears of it: a part of the gateway.

#include <algorithm>
#include <cmath>

#include "actors/gateway.hpp"
#include "model/utf8.hpp"

namespace chromatin {

std::string gateway_limits::wrong_with_name(std::string_view id) const {
  auto printable = [](char c) { return c > ' ' && c < 127; };
  if (!id.empty() && id.size() <= name_bytes_max && std::ranges::all_of(id, printable)) return {};
  return "a conversation's name has 1 to " + std::to_string(name_bytes_max) +
         " printable ASCII characters without spaces";
}

caf::error gateway_state::check(const conversation_ref& conversation) const {
  auto wrong = limits.wrong_with_name(conversation.id);
  return wrong.empty() ? caf::error{} : caf::make_error(ec::invalid_argument, std::move(wrong));
}

caf::error gateway_state::check_salt(const std::string& salt) const {
  if (salt.size() <= limits.name_bytes_max) return {};
  return caf::make_error(ec::invalid_argument,
                         "a cache_salt has at most " + std::to_string(limits.name_bytes_max) + " bytes");
}

caf::error gateway_state::check_text(const std::string& text) const {
  if (text.size() > limits.message_bytes_max)
    return caf::make_error(ec::too_large, "the message has " + std::to_string(text.size()) + " bytes, the limit is " +
                                              std::to_string(limits.message_bytes_max));
  if (!model::valid_utf8(text)) return caf::make_error(ec::invalid_text, "the message is not valid UTF-8");
  return {};
}

caf::error gateway_state::check(const plain_prompt& prompt) const {
  if (prompt.text.empty() && prompt.tokens.empty())
    return caf::make_error(ec::invalid_argument, std::string{"the prompt is empty"});
  return check_text(prompt.text);
}

caf::error gateway_state::check(const say_request& request) const {
  if (auto error = request.plain ? check(*request.plain) : check(request.conversation)) return error;
  if (auto error = check_salt(request.conversation.salt)) return error;
  if (auto error = check_text(request.text)) return error;
  if (request.before.size() > limits.messages_max)
    return caf::make_error(ec::too_large, "a turn brings at most " + std::to_string(limits.messages_max) +
                                              " messages with it, this one " + std::to_string(request.before.size()));
  for (const auto& message : request.before)
    if (auto error = check_text(message.content)) return error;
  for (auto priority : {request.priority, request.keep.priority})
    if (priority > 100) return caf::make_error(ec::invalid_argument, "a priority is between 0 and 100");
  return check(request.sampling);
}

caf::error gateway_state::check(const model::sampling& sampling) const {
  if (!(sampling.temperature >= 0 && sampling.temperature <= 100))
    return caf::make_error(ec::invalid_argument, "temperature must be between 0 and 100");
  if (!(sampling.top_p > 0 && sampling.top_p <= 1))
    return caf::make_error(ec::invalid_argument, "top_p must be above 0, at most 1");
  if (!(sampling.min_p >= 0 && sampling.min_p <= 1))
    return caf::make_error(ec::invalid_argument, "min_p must be between 0 and 1");
  constexpr float penalty_max = 100;
  const auto& less = sampling.less;
  if (!(less.repeat > 0 && less.repeat <= penalty_max))
    return caf::make_error(ec::invalid_argument, "repeat_penalty must be above 0, at most 100");
  auto fits = [](float number) { return std::abs(number) <= penalty_max; };
  if (!fits(less.presence) || !fits(less.frequency))
    return caf::make_error(ec::invalid_argument, "penalties must be between -100 and 100");
  if (sampling.biases.size() > limits.biases_max)
    return caf::make_error(ec::too_large, "at most " + std::to_string(limits.biases_max) + " tokens have a bias");
  if (!std::ranges::all_of(sampling.biases, [&](const auto& b) { return fits(b.bias); }))
    return caf::make_error(ec::invalid_argument, "a token's bias must be between -100 and 100");
  if (sampling.likelihoods.value_or(0) > limits.likelihoods_max)
    return caf::make_error(ec::invalid_argument, "at most " + std::to_string(limits.likelihoods_max) +
                                                     " tokens' likelihoods are told beside each token's own");
  if (sampling.likelihoods && sampling.tokens_max > limits.likely_tokens_max)
    return caf::make_error(ec::invalid_argument, "an answer whose likelihoods are told has at most " +
                                                     std::to_string(limits.likely_tokens_max) + " tokens");
  if (sampling.tokens_max == 0 || sampling.tokens_max > limits.answer_tokens_max)
    return caf::make_error(ec::invalid_argument,
                           "an answer has 1 to " + std::to_string(limits.answer_tokens_max) + " tokens");
  if (sampling.stop.size() > limits.stop_strings_max ||
      std::any_of(sampling.stop.begin(), sampling.stop.end(), [](const auto& text) { return text.empty(); }))
    return caf::make_error(ec::invalid_argument,
                           "at most " + std::to_string(limits.stop_strings_max) + " stop strings, none of them empty");
  for (const auto& text : sampling.stop)
    if (text.size() > limits.stop_bytes_max)
      return caf::make_error(ec::too_large, "a stop string has " + std::to_string(text.size()) +
                                                " bytes, the limit is " + std::to_string(limits.stop_bytes_max));
  return {};
}

}  // namespace chromatin
