#pragma once

/// A response in server-sent events. Event loop thread only.

#include <string>

#include "http/service.hpp"

namespace chromatin::http {

/// Several may send at a time; events go out one behind the other, and each sender waits until its own is taken, so
/// that a client that stops reading holds up its turns' readers and nothing piles up.
class event_stream {
 public:
  /// Sends the headers.
  event_stream(const service_parts& parts, kj::HttpService::Response& to);

  kj::Promise<void> send(const nlohmann::ordered_json& data);
  /// An event that has a name.
  kj::Promise<void> send(const std::string& name, const nlohmann::ordered_json& data);
  /// Of what is not JSON, such as the mark at a stream's end.
  kj::Promise<void> send_text(std::string data);
  /// The last: nothing is sent afterwards.
  void end() { out_ = nullptr; }

 private:
  kj::Promise<void> write(std::string event);

  kj::Own<kj::AsyncOutputStream> out_;
  kj::Promise<void> sent_ = kj::READY_NOW;  ///< all events so far
};

}  // namespace chromatin::http
