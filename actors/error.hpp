#pragma once

/// Every error that an actor answers with.

#include <cstdint>
#include <string>

#include <caf/error.hpp>
#include <caf/make_message.hpp>

namespace chromatin {

enum class ec : std::uint8_t {
  none = 0,
  busy,              ///< another turn of the conversation is running
  cancelled,         ///< the client went away or asked to stop
  context_full,      ///< the model's context has no room for the prompt
  invalid_argument,  ///< a value outside its limits; the text names it
  invalid_text,      ///< a message that is not valid UTF-8
  no_conversation,   ///< no conversation of that name
  no_room,           ///< more memory is needed than there is
  not_available,     ///< a part of the system is down
  overloaded,        ///< too many turns are waiting
  store_failed,      ///< the durable store refused a write
  too_large,         ///< a message over the limits
  version_conflict,  ///< the conversation changed meanwhile
};

const char* to_string(ec);

/// The sentence for people that an error carries, or its code's name.
std::string explain(const caf::error&);

}  // namespace chromatin

CAF_ERROR_CODE_ENUM(chromatin::ec, "chromatin")
