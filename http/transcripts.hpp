#pragma once

/// What was said in a conversation. Event loop thread only.

#include "http/service.hpp"

namespace chromatin::http {

/// Its messages from number `first` to before `end`. One that has fewer is an error, as one that does not exist.
kj::Promise<message_list> read_messages_of(const service_parts& parts, const conversation_ref& which, std::uint32_t end,
                                           std::uint32_t first = 0);

}  // namespace chromatin::http
