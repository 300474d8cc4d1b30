#pragma once

/// A tenant's conversations, and what was said in one, as commands show them.

#include <functional>

#include "rpc/client.hpp"

namespace chromatin::chat {

/// Calls `take` with every conversation, in the order of their names. Throws rpc::call_error.
void each_conversation(rpc::client& client, const std::function<void(const conversation_info&)>& take);

/// Prints them, a line each.
void print_conversations(rpc::client& client);

/// What was said, from message `first` on. Throws rpc::call_error.
message_list said_in(rpc::conversation& conversation, std::uint32_t first = 0);

}  // namespace chromatin::chat
