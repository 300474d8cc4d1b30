#pragma once

/// A response to a client of HTTP/1.0. Event loop thread only.

#include <functional>
#include <utility>

#include <kj/compat/http.h>

#include "http/bounded_stream.hpp"

namespace chromatin::http {

/// One whose length is not known ends with its connection.
class old_response final : public kj::HttpService::Response {
 public:
  old_response(kj::HttpService::Response& to, bounded_stream& stream, std::function<void()> close_behind_answer)
      : to_{to}, stream_{stream}, close_behind_answer_{std::move(close_behind_answer)} {}

  kj::Own<kj::AsyncOutputStream> send(kj::uint status, kj::StringPtr text, const kj::HttpHeaders& headers,
                                      kj::Maybe<std::uint64_t> size) override {
    if (size == nullptr) close_behind_answer_();
    stream_.begin_old_response();
    return to_.send(status, text, headers, size);
  }
  kj::Own<kj::WebSocket> acceptWebSocket(const kj::HttpHeaders& headers) override {
    return to_.acceptWebSocket(headers);
  }

 private:
  kj::HttpService::Response& to_;
  bounded_stream& stream_;
  std::function<void()> close_behind_answer_;
};

}  // namespace chromatin::http
