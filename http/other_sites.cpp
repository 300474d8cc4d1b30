#include "http/other_sites.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "rpc/server.hpp"

namespace chromatin::http {

std::string checked_origin(const std::string& text) {
  auto host = text.starts_with("http://") ? text.substr(7) : text.starts_with("https://") ? text.substr(8) : "";
  auto fits = [](char c) { return c > ' ' && c < 127 && c != '/' && c != '?' && c != '#' && !(c >= 'A' && c <= 'Z'); };
  if (host.empty() || !std::ranges::all_of(host, fits))
    throw rpc::server_error(
        fmt::format("--http-origin {}: browsers say scheme, host and port, such as https://chat.example:8443", text));
  return text;
}

kj::Own<kj::AsyncOutputStream> shared_response::send(kj::uint status, kj::StringPtr text,
                                                     const kj::HttpHeaders& headers, kj::Maybe<std::uint64_t> size) {
  auto more = headers.cloneShallow();
  more.add("access-control-allow-origin", origin_.c_str());
  more.add("access-control-expose-headers", "x-chromatin-reuse, retry-after");
  more.add("vary", "origin");
  return to_.send(status, text, more, size);
}

}  // namespace chromatin::http
