#pragma once

/// Messages as clients send them. Pure.

#include <string>
#include <vector>

#include "http/fields.hpp"
#include "model/chat_template.hpp"

namespace chromatin::http {

/// One message, which stands at `path`; `developer` is read as `system`. Throws error.
model::message read_message(const nlohmann::json& given, const std::string& path);

/// The list in the field `name`: the last is a user's; `developer` is read as `system`, of which only the first may be
/// one, and an empty one is none. Content is a string or a list of parts that are text. Throws error.
std::vector<model::message> read_messages(const fields& body, const char* name);

}  // namespace chromatin::http
