#pragma once

/// Which pages may talk to the server from a browser: those that it serves itself, and those of sites that somebody
/// named. Event loop thread only.

#include <string>
#include <vector>

#include <kj/compat/http.h>

namespace chromatin::http {

/// As browsers send it: scheme, host and port. Throws rpc::server_error for what no browser sends.
std::string checked_origin(const std::string& text);

/// What the browser is told of a response that a page of `origin` asked for.
class shared_response final : public kj::HttpService::Response {
 public:
  shared_response(kj::HttpService::Response& to, std::string origin) : to_{to}, origin_{std::move(origin)} {}

  kj::Own<kj::AsyncOutputStream> send(kj::uint status, kj::StringPtr text, const kj::HttpHeaders& headers,
                                      kj::Maybe<std::uint64_t> size) override;
  kj::Own<kj::WebSocket> acceptWebSocket(const kj::HttpHeaders& headers) override {
    return to_.acceptWebSocket(headers);
  }

 private:
  kj::HttpService::Response& to_;
  std::string origin_;
};

}  // namespace chromatin::http
