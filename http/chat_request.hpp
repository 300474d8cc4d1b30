#pragma once

/// The body of POST /v1/chat/completions. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "http/answer_fields.hpp"
#include "model/chat_template.hpp"

namespace chromatin::http {

struct chat_request : answer_request {
  std::vector<model::message> messages;  ///< the last is a user's; `developer` is read as `system`
  std::string conversation;              ///< an extension: said there, and `messages` are the new ones only
};

/// Fields that nobody knows are passed over; those of what is not served are refused by name unless they ask for
/// nothing. Throws error.
chat_request read_chat_request(std::string_view body, const reading& with);

}  // namespace chromatin::http
