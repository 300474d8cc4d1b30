// What the registry refuses before it writes anything: a part of the registry.

#include "actors/registry.hpp"

namespace chromatin {
caf::error missing(const conversation_ref& which) {
  return caf::make_error(ec::no_conversation, "there is no conversation " + which.id);
}

caf::error registry_state::full(const std::string& what, std::size_t tokens) const {
  return caf::make_error(ec::context_full, what + " has " + std::to_string(tokens) +
                                               " tokens, the model's context has room for " +
                                               std::to_string(checkpoint->config.context));
}

caf::error registry_state::check_length(const std::string& what, std::size_t tokens_at_least) const {
  if (tokens_at_least < checkpoint->config.context) return {};
  return caf::make_error(ec::context_full, what + " has more tokens than the " +
                                               std::to_string(checkpoint->config.context) +
                                               " that the model's context has room for");
}

/// Some templates move the system message to the last message: what was said before would change with every turn.
caf::error registry_state::check_system(const std::string& content) const {
  if (content.empty() || checkpoint->chat.keeps_system()) return {};
  return caf::make_error(ec::invalid_argument,
                         "the model's template (" + checkpoint->chat.name() +
                             ") keeps no system message in its place; say it in the first message");
}

}  // namespace chromatin
