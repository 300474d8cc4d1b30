#include "rpc/error_text.hpp"

#include <charconv>

namespace chromatin::rpc {
namespace {

/// The value of the field at the end of `text`, which is taken off; nothing if another one, or none, is there.
std::optional<std::string_view> take_last(std::string_view& text, std::string_view mark) {
  auto at = text.rfind(mark);
  if (at == text.npos || !text.ends_with(']')) return {};
  auto value = text.substr(at + mark.size(), text.size() - at - mark.size() - 1);
  if (value.find(' ') != value.npos) return {};
  text = text.substr(0, at);
  return value;
}

}  // namespace

error_text read_error(std::string_view text) {
  error_text e;
  if (auto digits = take_last(text, " [retry_after_ms=")) {
    std::int64_t ms = 0;
    if (std::from_chars(digits->data(), digits->data() + digits->size(), ms).ec == std::errc{})
      e.retry_after = std::chrono::milliseconds{ms};
  }
  if (auto name = take_last(text, " [field=")) e.field = *name;
  e.said = text;
  return e;
}

}  // namespace chromatin::rpc
