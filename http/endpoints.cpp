#include "http/endpoints.hpp"

#include <algorithm>
#include <array>

namespace chromatin::http {
namespace {

constexpr std::array<endpoint, 26> all_endpoints{{{"/v1/chat/completions", "POST"},
                                                  {"/v1/responses", "POST"},
                                                  {"/v1/responses/*", "GET, HEAD, DELETE"},
                                                  {"/v1/responses/*/input_items", "GET, HEAD"},
                                                  {"/v1/completions", "POST"},
                                                  {"/v1/conversations", "GET, HEAD, POST"},
                                                  {"/v1/conversations/*", "GET, HEAD, POST, DELETE"},
                                                  {"/v1/conversations/*/items", "GET, HEAD"},
                                                  {"/v1/conversations/*/items/*", "GET, HEAD"},
                                                  {"/v1/conversations/*/messages", "GET, HEAD"},
                                                  {"/v1/conversations/*/chunks", "GET, HEAD"},
                                                  {"/v1/conversations/*/fork", "POST"},
                                                  {"/v1/conversations/*/truncate", "POST"},
                                                  {"/v1/conversations/*/archive", "POST"},
                                                  {"/v1/conversations/*/recall", "POST"},
                                                  {"/v1/archives", "GET, HEAD"},
                                                  {"/v1/models", "GET, HEAD"},
                                                  {"/v1/models/*", "GET, HEAD"},
                                                  {"/tokenize", "POST"},
                                                  {"/detokenize", "POST"},
                                                  {"/healthz", "GET, HEAD"},
                                                  {"/readyz", "GET, HEAD"},
                                                  {"/metrics", "GET, HEAD"},
                                                  {"/", "GET, HEAD"},
                                                  {"/page/*", "GET, HEAD"},
                                                  {"/state", "GET, HEAD"}}};

/// Up to the next of these marks, which goes too.
std::string_view take(std::string_view& from, char mark) {
  auto end = std::min(from.find(mark), from.size());
  auto part = from.substr(0, end);
  from.remove_prefix(std::min(end + 1, from.size()));
  return part;
}

bool fits(std::string_view pattern, std::string_view path) {
  if (std::ranges::count(pattern, '/') != std::ranges::count(path, '/')) return false;
  while (!pattern.empty()) {
    auto wanted = take(pattern, '/'), given = take(path, '/');
    if (wanted == "*" ? given.empty() : wanted != given) return false;
  }
  return path.empty();
}

}  // namespace

std::span<const endpoint> endpoints() { return all_endpoints; }

std::string_view methods_of(std::string_view path) {
  auto found = std::ranges::find_if(all_endpoints, [&](const endpoint& e) { return fits(e.path, path); });
  return found == all_endpoints.end() ? std::string_view{} : found->methods;
}

bool knows(std::string_view methods, std::string_view method) {
  while (!methods.empty())
    if (auto one = take(methods, ','); one.substr(std::min(one.find_first_not_of(' '), one.size())) == method)
      return true;
  return false;
}

}  // namespace chromatin::http
