#pragma once

/// What clients put beside a conversation or a response for themselves: names and texts. Pure.

#include "http/fields.hpp"

namespace chromatin::http {

/// The field `metadata`: an object of at most 16 texts; one that is not there is empty. Throws error.
nlohmann::json read_metadata(const fields& body);

}  // namespace chromatin::http
