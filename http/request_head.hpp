#pragma once

/// What stands in a request before its body. Pure.

#include <string>
#include <string_view>

namespace chromatin::http {

/// What is asked for.
struct request_target {
  std::string path;   ///< still with its percent signs
  std::string query;  ///< behind the question mark
  std::string
      host;  ///< where the request line has one ("GET http://HOST/PATH"), which goes before the header's; or empty
};

/// Of a path, or of a whole URL: programs that are told of a proxy send one, and HTTP wants it understood.
request_target read_target(std::string_view url);

/// Whether this is a name that leads to this machine wherever it is looked up: localhost, an address that begins with
/// 127, [::1]; with or without a port. A name such as 127.evil.example is somebody's, who may have it lead here.
bool is_this_machine(std::string_view host);

/// The token of "Bearer TOKEN"; empty if there is none. The first word may be in any case, and blanks do not count.
std::string_view bearer_token(std::string_view authorization);

/// "Close" as "close".
std::string lower_case(std::string_view text);

}  // namespace chromatin::http
