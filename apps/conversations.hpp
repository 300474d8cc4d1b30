#pragma once

/// A tenant's conversations, as the terminal shows them.

#include "rpc/client.hpp"

namespace chromatin {

/// Calls `take` with every conversation, in the order of their names. Throws rpc::call_error.
void each_conversation(rpc::client& client, const std::function<void(const conversation_info&)>& take);

/// Prints them, a line each.
void print_conversations(rpc::client& client);

}  // namespace chromatin
