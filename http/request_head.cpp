#include "http/request_head.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>

#include <arpa/inet.h>

namespace chromatin::http {
namespace {

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  return wrong == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string all{text};
  std::ranges::transform(all, all.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return all;
}

request_target read_target(std::string_view url) {
  request_target target;
  for (std::string_view scheme : {"http://", "https://"}) {
    if (lower_case(url.substr(0, scheme.size())) != scheme) continue;
    url.remove_prefix(scheme.size());
    auto end = std::min(url.find_first_of("/?"), url.size());
    target.host = url.substr(0, end);
    url.remove_prefix(end);
    break;
  }
  auto mark = std::min(url.find('?'), url.size());
  target.path = url.substr(0, mark);
  target.query = url.substr(std::min(mark + 1, url.size()));
  if (target.path.empty()) target.path = "/";
  return target;
}

bool is_this_machine(std::string_view host) {
  auto end = host.starts_with('[') ? host.find(']') + 1 : std::min(host.find(':'), host.size());
  auto name = lower_case(host.substr(0, end)), rest = std::string{host.substr(end)};
  if (!rest.empty() && !(rest.front() == ':' && is_port(std::string_view{rest}.substr(1)))) return false;
  in_addr four{};
  bool is_address = ::inet_pton(AF_INET, name.c_str(), &four) == 1;
  return name == "localhost" || name == "[::1]" || (is_address && name.starts_with("127."));
}

std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer", blanks = " \t";
  if (lower_case(authorization.substr(0, scheme.size())) != scheme) return {};
  auto rest = authorization.substr(scheme.size());
  auto begin = rest.find_first_not_of(blanks);
  if (begin == 0 || begin == rest.npos) return {};
  return rest.substr(begin, rest.find_last_not_of(blanks) + 1 - begin);
}

}  // namespace chromatin::http
