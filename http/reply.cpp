#include "http/reply.hpp"

namespace chromatin::http {

std::string dump(const nlohmann::ordered_json& content) {
  return content.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

kj::Promise<void> reply(kj::HttpService::Response& to, const kj::HttpHeaderTable& table, unsigned status,
                        const char* content_type, std::string body, const more_headers& more) {
  kj::HttpHeaders headers{table};
  headers.set(kj::HttpHeaderId::CONTENT_TYPE, content_type);
  for (const auto& [name, value] : more) headers.add(kj::str(name.c_str()), kj::str(value.c_str()));
  auto stream = to.send(status, status_text(status), headers, body.size());
  auto content = kj::heapString(body.data(), body.size());
  auto written = stream->write(content.begin(), content.size());
  return written.attach(kj::mv(content), kj::mv(stream));
}

kj::Promise<void> reply(kj::HttpService::Response& to, const kj::HttpHeaderTable& table,
                        const nlohmann::ordered_json& body, const more_headers& more) {
  return reply(to, table, 200, "application/json", dump(body), more);
}

kj::Promise<void> reply(kj::HttpService::Response& to, const kj::HttpHeaderTable& table, const error& e) {
  more_headers more;
  if (e.retry_after)  // whole seconds, at least one
    more.emplace_back("retry-after", std::to_string((e.retry_after->count() + 999) / 1000));
  if (!e.allow.empty()) more.emplace_back("allow", e.allow);
  if (e.status == 401) more.emplace_back("www-authenticate", "Bearer");
  return reply(to, table, e.status, "application/json", dump(to_json(e)), more);
}

}  // namespace chromatin::http
