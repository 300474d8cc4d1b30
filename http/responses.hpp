#pragma once

/// /v1/responses/ID: a response shown, with what led to it, and forgotten. Event loop thread only.

#include <string>

#include "http/service.hpp"

namespace chromatin::http {

/// `path` is behind "/v1/responses/": "ID" or "ID/input_items", with a method that it knows.
kj::Promise<void> answer_responses(const service_parts& parts, const std::string& tenant, kj::HttpMethod method,
                                   const std::string& path, kj::HttpService::Response& to);

}  // namespace chromatin::http
