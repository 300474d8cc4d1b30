#pragma once

/// Every error that an actor answers with.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <caf/error.hpp>
#include <caf/make_message.hpp>

namespace chromatin {

enum class ec : std::uint8_t {
  none = 0,
  archived,          ///< the conversation is in DNA: it can be recalled
  busy,              ///< another turn of the conversation is running
  cancelled,         ///< the client went away or asked to stop
  context_full,      ///< the model's context has no room for the prompt
  invalid_argument,  ///< a value outside its limits; the text names it
  invalid_text,      ///< a message that is not valid UTF-8
  no_conversation,   ///< no conversation of that name
  no_room,           ///< more memory is needed than there is
  not_available,     ///< a part of the system is down
  overloaded,        ///< too much is under way; the error says when to come back
  store_failed,      ///< the durable store refused a write
  too_large,         ///< a message over the limits
  version_conflict,  ///< the conversation changed meanwhile
};

const char* to_string(ec);

/// An error that goes away by itself: what it is about may work after `retry_after`.
caf::error come_back(ec code, std::string what, std::chrono::milliseconds retry_after);
std::optional<std::chrono::milliseconds> retry_after(const caf::error&);

/// An error of one value of a request; `field` is what a chat over HTTP calls it, such as "cache_salt".
caf::error wrong_field(std::string field, ec code, std::string what);
/// Empty: it is of no field.
std::string field_of(const caf::error&);

/// "code: sentence", or the code alone; one of a field ends in " [field=NAME]", one that says when to come back in
/// " [retry_after_ms=N]".
std::string explain(const caf::error&);

}  // namespace chromatin

CAF_ERROR_CODE_ENUM(chromatin::ec, "chromatin")
