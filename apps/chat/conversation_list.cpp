#include "apps/chat/conversation_list.hpp"

#include <fmt/core.h>

namespace chromatin::chat {

void each_conversation(rpc::client& client, const std::function<void(const conversation_info&)>& take) {
  for (std::string after;;) {
    auto page = client.list(after);
    if (page.empty()) return;
    for (const auto& info : page) take(info);
    after = page.back().id;
  }
}

void print_conversations(rpc::client& client) {
  each_conversation(client, [](const conversation_info& info) {
    fmt::print("{:<34}{:>6} messages{:>9} of {} tokens{}{}\n", info.id, info.messages, info.tokens, info.context_tokens,
               info.last_role == "user" ? ", not answered" : "", info.damaged ? ", damaged" : "");
  });
}

message_list said_in(rpc::conversation& conversation, std::uint32_t first) {
  message_list said;
  while (true) {
    auto page = conversation.read(first + static_cast<std::uint32_t>(said.size()));
    said.insert(said.end(), page.messages.begin(), page.messages.end());
    if (page.messages.empty() || first + said.size() >= page.total) return said;
  }
}

}  // namespace chromatin::chat
