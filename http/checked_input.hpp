#pragma once

/// What a client sends, as far as it is framed as HTTP has it. Event loop thread only.

#include <optional>
#include <string>

#include <kj/async-io.h>

#include "http/framing.hpp"

namespace chromatin::http {

class checked_input {
 public:
  explicit checked_input(kj::AsyncInputStream& inner) : inner_{inner} {}

  /// As of a stream. What is behind a request is not looked at before that is read and more is asked for; behind a
  /// fault comes the end, and in mid-body an exception.
  kj::Promise<std::size_t> read(void* buffer, std::size_t least, std::size_t most);

  /// Of the request that was read last: it is of HTTP/1.0.
  bool is_of_http_1_0() const { return framing_.is_of_http_1_0(); }
  /// What is wrong with the head that was read last.
  std::optional<framing_fault> wrong_head() const { return framing_.is_in_body() ? std::nullopt : framing_.wrong(); }

 private:
  void check(std::size_t wanted);
  kj::Promise<bool> fill();

  kj::AsyncInputStream& inner_;
  framing framing_;
  std::string sent_, passed_;  ///< not looked at yet; not read yet
};

}  // namespace chromatin::http
