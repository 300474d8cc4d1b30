#pragma once

/// Clients of HTTP/1.0, such as ApacheBench or a proxy: they are told that a connection stays open, which is not usual
/// for them, and do not know chunks. KJ looks at no version. Pure.

#include <cstddef>
#include <string>
#include <string_view>

namespace chromatin::http {

/// A response as KJ writes it, made one for such a client.
class old_response_text {
 public:
  /// What is taken next is a response's head, which comes at once.
  void begin() { head_ = true; }
  std::string take(std::string_view written);

 private:
  std::string head_of(std::string_view head);
  std::string content_of(std::string_view chunks);

  bool head_ = false, in_chunks_ = false;
  std::string size_line_;  ///< of a chunk, as far as it is there
  std::size_t left_ = 0;   ///< of the chunk, and of the line's end behind it
};

}  // namespace chromatin::http
