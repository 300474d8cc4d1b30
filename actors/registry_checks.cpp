// What the registry refuses before it writes anything: a part of the registry.

#include <fmt/format.h>

#include "actors/registry.hpp"

namespace chromatin {
caf::error missing(const conversation_ref& which) {
  return caf::make_error(ec::no_conversation, "there is no conversation " + which.id);
}

caf::error registry_state::full(const std::string& field, const std::string& what, std::size_t tokens) const {
  return wrong_field(
      field, ec::context_full,
      fmt::format("{} has {} tokens, the model's context has room for {}", what, tokens, checkpoint->config.context));
}

caf::error registry_state::check_length(const std::string& field, const std::string& what,
                                        std::size_t tokens_at_least) const {
  if (tokens_at_least < checkpoint->config.context) return {};
  return wrong_field(field, ec::context_full,
                     fmt::format("{} has more tokens than the {} that the model's context has room for", what,
                                 checkpoint->config.context));
}

caf::error registry_state::check_roles(const message_list& messages, bool fresh) const {
  if (messages.empty() || messages.back().role != "user")
    return wrong_field("messages", ec::invalid_argument, "the last message must be a user's");
  for (std::size_t i = fresh && messages[0].role == "system"; i < messages.size(); ++i)
    if (messages[i].role != "user" && messages[i].role != "assistant")
      return wrong_field("messages", ec::invalid_argument,
                         messages[i].role == "system" ? "a system message can only be a conversation's first message"
                                                      : "a message's role is system, user or assistant");
  return {};
}

}  // namespace chromatin
