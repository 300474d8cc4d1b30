#pragma once

/// The gateway's limits, asked before a request goes there: it is told by the name of the field that is beyond one, and
/// nothing is forked for what is refused. Each check throws error. Pure.

#include "actors/gateway_limits.hpp"
#include "http/fields.hpp"

namespace chromatin::http {

inline const gateway_limits limits;

/// A text of one message, or a prompt.
void check_text(const std::string& path, const std::string& text);

/// The name of a conversation.
void check_name(const std::string& path, const std::string& name);

/// What separates the caches of a tenant's own users.
void check_salt(const std::string& salt);

/// How the answers to this request are made.
void check_sampling(const fields& body, const model::sampling& asked);

}  // namespace chromatin::http
