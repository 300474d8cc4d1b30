#include "http/event_stream.hpp"

#include "http/reply.hpp"

namespace chromatin::http {

event_stream::event_stream(const service_parts& parts, kj::HttpService::Response& to) {
  kj::HttpHeaders headers{parts.headers};
  headers.set(kj::HttpHeaderId::CONTENT_TYPE, "text/event-stream");
  headers.add("cache-control", "no-cache");
  out_ = to.send(200, status_text(200), headers);
}

kj::Promise<void> event_stream::send(const nlohmann::ordered_json& data) { return send_text(dump(data)); }

kj::Promise<void> event_stream::send(const std::string& name, const nlohmann::ordered_json& data) {
  return write("event: " + name + "\ndata: " + dump(data) + "\n\n");
}

kj::Promise<void> event_stream::send_text(std::string data) { return write("data: " + std::move(data) + "\n\n"); }

kj::Promise<void> event_stream::write(std::string event) {
  auto bytes = kj::heapString(event.data(), event.size());
  auto sent = sent_
                  .then([this, bytes = kj::mv(bytes)]() mutable {
                    auto written = out_->write(bytes.begin(), bytes.size());
                    return written.attach(kj::mv(bytes));
                  })
                  .fork();
  sent_ = sent.addBranch();
  return sent.addBranch();
}

}  // namespace chromatin::http
