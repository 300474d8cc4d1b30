// What the gateway refuses of a turn: a part of the gateway.

#include "actors/gateway.hpp"

namespace chromatin {

caf::error gateway_state::check(const plain_prompt& prompt) const {
  if (prompt.text.empty() && prompt.tokens.empty())
    return wrong_field("prompt", ec::invalid_argument, "the prompt is empty");
  return limits.check_text("prompt", prompt.text);
}

caf::error gateway_state::check(const message_list& messages) const {
  for (const auto& message : messages)
    if (auto error = limits.check_text("messages", message.content)) return error;
  return {};
}

caf::error gateway_state::check(const say_request& request) const {
  if (auto error = request.plain ? check(*request.plain) : limits.check_name("conversation", request.conversation.id))
    return error;
  if (auto error = limits.check_salt(request.conversation.salt)) return error;
  if (auto error = limits.check_text("messages", request.text)) return error;
  if (request.before.size() > limits.messages_max)
    return wrong_field("messages", ec::too_large,
                       "a turn brings at most " + std::to_string(limits.messages_max) + " messages with it, this one " +
                           std::to_string(request.before.size()));
  if (auto error = check(request.before)) return error;
  if (request.priority > 100 || request.keep.priority > 100)
    return wrong_field("priority", ec::invalid_argument, "a priority is between 0 and 100");
  return limits.check(request.sampling);
}

}  // namespace chromatin
