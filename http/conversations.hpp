#pragma once

/// /v1/conversations: a tenant's conversations made, listed, shown, forked, truncated and forgotten. Event loop thread
/// only.

#include <string>

#include "http/service.hpp"

namespace chromatin::http {

/// A request below /v1/conversations.
struct conversations_request {
  kj::HttpMethod method = kj::HttpMethod::GET;
  std::string tenant;
  std::string path;   ///< behind "/v1/conversations": as in http/endpoints.hpp, with a method that it knows
  std::string query;  ///< behind the question mark
  std::string body;
};

/// Throws error.
kj::Promise<void> answer_conversations(const service_parts& parts, const conversations_request& request,
                                       kj::HttpService::Response& to);

/// GET /v1/archives: what became of the tenant's archives and recalls.
kj::Promise<void> answer_archives(const service_parts& parts, const std::string& tenant, kj::HttpService::Response& to);

}  // namespace chromatin::http
