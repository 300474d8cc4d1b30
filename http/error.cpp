#include "http/error.hpp"

#include <array>

#include "rpc/error_text.hpp"

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
  auto told = rpc::read_error(text);
  error e{.status = 500, .message = {}, .param = told.field, .code = {}, .retry_after = told.retry_after};
  std::string_view said = told.said;
  for (auto [code, status] : meanings) {
    if (!said.starts_with(code) || (said.size() > code.size() && said[code.size()] != ':')) continue;
    e.status = status;
    e.code = code == "context_full" ? "context_length_exceeded" : std::string{code};
    said = said.size() > code.size() + 2 ? said.substr(code.size() + 2) : code;
    break;
  }
  e.message = said;
  return e;
}

error with_messages_called(error e, const char* field) {
  if (e.param == "messages") e.param = field;
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
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Internal Server Error";
  }
}

}  // namespace chromatin::http
