#pragma once

/// What somebody said in a conversation. A pure value; installed with the RPC client.

#include <string>

namespace chromatin::model {

struct message {
  std::string role;  ///< "system", "user" or "assistant"
  std::string content;
};

}  // namespace chromatin::model
