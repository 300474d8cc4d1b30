#pragma once

/// Answers one POST /v1/chat/completions. Event loop thread only.

#include "http/chat_request.hpp"
#include "http/service.hpp"

namespace chromatin::http {

/// The promise is over when the response is. When it is dropped, the turn is cancelled.
kj::Promise<void> answer_chat(const service_parts& parts, std::shared_ptr<rpc::connection_account> account,
                              std::string tenant, chat_request request, kj::HttpService::Response& to);

}  // namespace chromatin::http
