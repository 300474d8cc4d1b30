#pragma once

/// Answers one POST /v1/completions. Event loop thread only.

#include "http/completion_request.hpp"
#include "http/spoken.hpp"

namespace chromatin::http {

/// The promise is over when the response is. When it is dropped, its turns are cancelled.
kj::Promise<void> answer_completion(const service_parts& parts, asker who, completion_request request,
                                    kj::HttpService::Response& to);

}  // namespace chromatin::http
