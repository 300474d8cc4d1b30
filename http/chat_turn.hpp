#pragma once

/// Answers one POST /v1/chat/completions. Event loop thread only.

#include "http/chat_request.hpp"
#include "http/service.hpp"
#include "http/spoken.hpp"

namespace chromatin::http {

/// The promise is over when the response is. When it is dropped, its turns are cancelled.
kj::Promise<void> answer_chat(const service_parts& parts, asker who, chat_request request,
                              kj::HttpService::Response& to);

}  // namespace chromatin::http
