#pragma once

/// Answers one POST /v1/responses. Event loop thread only.

#include "http/response_request.hpp"
#include "http/spoken.hpp"

namespace chromatin::http {

/// The promise is over when the response is. When it is dropped, the turn is cancelled.
kj::Promise<void> answer_response(const service_parts& parts, asker who, response_request request,
                                  kj::HttpService::Response& to);

}  // namespace chromatin::http
