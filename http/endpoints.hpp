#pragma once

/// Which paths there are, and which methods they know. Pure.

#include <span>
#include <string_view>

namespace chromatin::http {

struct endpoint {
  std::string_view path;     ///< "*" in place of a segment: any name
  std::string_view methods;  ///< as in the header `allow`
};

/// All of them; of two that fit a path the first counts.
std::span<const endpoint> endpoints();

/// The methods of a path without its query, but for names of conversations, responses and models; empty: there is none.
std::string_view methods_of(std::string_view path);

/// Whether `method` is one of `methods`.
bool knows(std::string_view methods, std::string_view method);

}  // namespace chromatin::http
