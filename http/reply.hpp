#pragma once

/// Writes responses. Event loop thread only.

#include <string>
#include <utility>
#include <vector>

#include <kj/compat/http.h>

#include "http/error.hpp"

namespace chromatin::http {

using more_headers = std::vector<std::pair<std::string, std::string>>;

/// The body of a response that is whole.
kj::Promise<void> reply(kj::HttpService::Response& to, const kj::HttpHeaderTable& table, unsigned status,
                        const char* content_type, std::string body, const more_headers& more = {});
kj::Promise<void> reply(kj::HttpService::Response& to, const kj::HttpHeaderTable& table,
                        const nlohmann::ordered_json& body, const more_headers& more = {});
kj::Promise<void> reply(kj::HttpService::Response& to, const kj::HttpHeaderTable& table, const error& e);

/// JSON in which what is not UTF-8 is replaced.
std::string dump(const nlohmann::ordered_json& content);

}  // namespace chromatin::http
