#pragma once

/// What a server of HTTP/1.1 sends back, in whatever pieces it comes. Pure; errors are std::runtime_error with one
/// line.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace chromatin::bench {

using take_text = std::function<void(std::string_view)>;

/// The bytes of one response, whose length is told or which comes in chunks.
class response_reader {
 public:
  /// Gives those of the body to `body`.
  void feed(std::string_view bytes, const take_text& body);
  bool done() const { return next_ == part::none; }
  int status() const { return status_; }

 private:
  enum class part : std::uint8_t { head, sized, chunk_size, chunk, chunk_end, last_line, none };

  /// One part of what is there; false if more bytes are needed.
  bool step(const take_text& body);
  bool read_head();
  bool read_chunk_size();
  bool skip_line(part then);
  bool take(const take_text& body, part then);

  std::string rest_;  ///< came and was not looked at
  part next_ = part::head;
  int status_ = 0;
  std::uint64_t left_ = 0;  ///< bytes of the body, or of the chunk
};

/// Server-sent events: the data of each.
class event_reader {
 public:
  void feed(std::string_view bytes, const take_text& event);

 private:
  std::string rest_;
};

}  // namespace chromatin::bench
