#pragma once

/// The body of POST /v1/responses. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/answer_fields.hpp"
#include "model/chat_template.hpp"

namespace chromatin::http {

struct response_request : answer_request {
  std::vector<model::message> input;  ///< the last is a user's; `developer` is read as `system`
  std::string instructions;           ///< a system message in front of it, for this response only; empty: none
  std::string previous;               ///< the response that this one goes on from; empty: none
  std::string conversation;           ///< the one that it is said in; empty: none
  bool store = true;                  ///< it can be shown and gone on from
  nlohmann::json metadata;            ///< the client's own
};

/// Throws error.
response_request read_response_request(std::string_view body, const reading& with);

}  // namespace chromatin::http
