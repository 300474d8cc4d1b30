#pragma once

/// What the text of an error says: "code: sentence", and then fields, " [field=NAME]" and " [retry_after_ms=N]", each
/// of which may be left out (actors/error.hpp writes it). Pure.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace chromatin::rpc {

struct error_text {
  std::string said;   ///< all but the fields
  std::string field;  ///< that is wrong; empty: none
  std::optional<std::chrono::milliseconds> retry_after;
};

error_text read_error(std::string_view text);

}  // namespace chromatin::rpc
