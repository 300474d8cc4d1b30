#pragma once

/// The body of POST /v1/completions. Pure.

#include <string_view>
#include <vector>

#include "actors/messages.hpp"
#include "http/answer_fields.hpp"

namespace chromatin::http {

struct completion_request : answer_request {
  std::vector<plain_prompt> prompts;  ///< at least one; each gets `n` choices
};

/// Throws error.
completion_request read_completion_request(std::string_view body, const reading& with);

}  // namespace chromatin::http
