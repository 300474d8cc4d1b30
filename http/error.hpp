#pragma once

/// Errors in OpenAI's shape.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace chromatin::http {

/// What is thrown by whoever finds the fault, and sent as it is.
struct error {
  unsigned status = 400;
  std::string message;  ///< a sentence
  std::string param;    ///< the field that is wrong, such as "messages[2].content"; empty: none
  std::string code;     ///< for programs, such as "model_not_found"; empty: none
  std::optional<std::chrono::milliseconds> retry_after = {};
  std::string allow = {};  ///< the methods that the path knows, where the one that was asked for is not among them
};

/// From what rpc/ask.hpp makes of an actor's error (rpc/error_text.hpp).
error from_actor(std::string_view text);

/// For an endpoint that calls what is said something else than a chat does.
error with_messages_called(error e, const char* field);

nlohmann::ordered_json to_json(const error& e);
/// A text as JSON; null for none.
nlohmann::ordered_json or_null(const std::string& text);

/// The words of a status line.
const char* status_text(unsigned status);

}  // namespace chromatin::http
