#include "http/fields.hpp"

#include <algorithm>

#include "model/utf8.hpp"

namespace chromatin::http {
namespace {

/// As many as a text may have tokens. They take a tenth of a second; 8 MiB of brackets would take seconds, and a
/// hundred times their memory.
constexpr std::size_t values_max = 1 << 18;

/// No fewer than there are: what could begin one, outside of texts.
std::size_t values_in(std::string_view json) {
  std::size_t count = 1;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    char c = json[i];
    if (c == '"')
      in_text = !in_text;
    else if (in_text)
      i += c == '\\';
    else
      count += c == ',' || c == '[' || c == '{';
  }
  return count;
}

}  // namespace

nlohmann::json parse_object(std::string_view body) {
  if (body.size() > values_max && values_in(body) > values_max)
    throw error{.status = 413,
                .message = fmt::format("a request has at most {} values", values_max),
                .param = {},
                .code = "too_large"};
  try {
    auto content = nlohmann::json::parse(body);
    if (!content.is_object()) wrong({}, "the body must be a JSON object");
    // The parser takes a zero byte for the end, and what is behind it for nothing.
    if (auto zero = body.find('\0'); zero != body.npos)
      wrong({}, fmt::format("the body is not JSON: at byte {}", zero + 1));
    return content;
  } catch (const nlohmann::json::parse_error& e) {
    wrong({}, fmt::format("the body is not {}: at byte {}", model::valid_utf8(body) ? "JSON" : "UTF-8", e.byte));
  } catch (const nlohmann::json::out_of_range& e) {  // "… number overflow parsing '1e999'"
    std::string_view text = e.what();
    text.remove_prefix(std::min(text.find('\''), text.size()));
    wrong({}, fmt::format("the body has a number that is too large: {}", text));
  }
}

}  // namespace chromatin::http
