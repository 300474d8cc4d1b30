#include "http/query.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <kj/encoding.h>

#include "http/error.hpp"

namespace chromatin::http {

std::string decoded(const std::string& text, const char* of_what) {
  auto result = kj::decodeUriComponent(kj::ArrayPtr<const char>{text.data(), text.size()});
  if (result.hadErrors)
    throw error{
        .status = 400, .message = fmt::format("the {} is not encoded as a URL's", of_what), .param = {}, .code = {}};
  return {result.begin(), result.size()};
}

query::query(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    auto end = std::min(text.find('&', at), text.size());
    auto one = text.substr(at, end - at);
    auto equals = std::min(one.find('='), one.size());
    values_[decoded(one.substr(0, equals), "query")] =
        equals < one.size() ? decoded(one.substr(equals + 1), "query") : std::string{};
    at = end + 1;
  }
}

std::string query::text(const char* name) const {
  auto found = values_.find(name);
  return found == values_.end() ? std::string{} : found->second;
}

std::uint32_t query::number(const char* name, std::uint32_t otherwise, std::uint32_t least, std::uint32_t most) const {
  auto found = values_.find(name);
  if (found == values_.end()) return otherwise;
  std::uint32_t value = 0;
  auto [end, wrong] = std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  if (wrong != std::errc{} || end != found->second.data() + found->second.size() || value < least || value > most)
    throw error{.status = 400,
                .message = fmt::format("{} must be a whole number from {} to {}", name, least, most),
                .param = name,
                .code = {}};
  return value;
}

}  // namespace chromatin::http
