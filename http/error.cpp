#include "http/error.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace chromatin::http {
namespace {

struct meaning {
  std::string_view code;
  unsigned status;
};
constexpr std::array<meaning, 13> meanings{{{"archived", 503},
                                            {"busy", 409},
                                            {"cancelled", 499},
                                            {"context_full", 400},
                                            {"invalid_argument", 400},
                                            {"invalid_text", 400},
                                            {"no_conversation", 404},
                                            {"no_room", 507},
                                            {"not_available", 503},
                                            {"overloaded", 429},
                                            {"store_failed", 503},
                                            {"too_large", 413},
                                            {"version_conflict", 409}}};

std::string_view type_of(unsigned status) {
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

}  // namespace

error from_actor(std::string_view text) {
  error e{.status = 500, .message = {}, .param = {}, .code = {}};
  constexpr std::string_view mark = " [retry_after_ms=";
  if (auto at = text.rfind(mark); at != text.npos && text.ends_with(']')) {
    std::int64_t ms = 0;
    auto digits = text.substr(at + mark.size(), text.size() - at - mark.size() - 1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), ms).ec == std::errc{})
      e.retry_after = std::chrono::milliseconds{ms};
    text = text.substr(0, at);
  }
  for (auto [code, status] : meanings) {
    if (!text.starts_with(code) || (text.size() > code.size() && text[code.size()] != ':')) continue;
    e.status = status;
    e.code = code == "context_full" ? "context_length_exceeded" : std::string{code};
    text = text.size() > code.size() + 2 ? text.substr(code.size() + 2) : code;
    break;
  }
  e.message = text;
  return e;
}

error with_field(error e, std::string_view messages) {
  struct sign {
    std::string_view words, field;
  };
  const std::array<sign, 5> signs{{{"cache_salt", "cache_salt"},
                                   {"instructions", "instructions"},
                                   {"system message", messages},
                                   {"messages with it", messages},
                                   {"the message", messages}}};
  if (!e.param.empty() || (e.status != 400 && e.status != 413)) return e;
  if (e.code == "context_length_exceeded") e.param = messages;
  for (auto s : signs)
    if (e.param.empty() && e.message.find(s.words) != e.message.npos) e.param = s.field;
  return e;
}

nlohmann::ordered_json or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

nlohmann::ordered_json to_json(const error& e) {
  return {
      {"error",
       {{"message", e.message}, {"type", type_of(e.status)}, {"param", or_null(e.param)}, {"code", or_null(e.code)}}}};
}

const char* status_text(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 507:
      return "Insufficient Storage";
    default:
      return "Internal Server Error";
  }
}

}  // namespace chromatin::http
