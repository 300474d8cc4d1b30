#pragma once

/// Where the requests of a connection begin and end, as RFC 9112 has it. KJ reads more than that; and a request whose
/// end one program sees here and the next one there is how another one is smuggled past a proxy. So KJ is given only
/// what has one meaning. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chromatin::http {

/// Why a request is refused, and nothing is read behind it.
struct framing_fault {
  unsigned status = 400;
  const char* sentence = "";
};

class framing {
 public:
  /// Takes what belongs to one request from the front of `sent`, adds to `passed` what may be read of it, and returns
  /// how much it took: up to the request's end, or the fault. The next call begins the next request. A head with a
  /// fault passes as one that ends in front of it; of a body with one nothing more passes.
  std::size_t take(std::string_view sent, std::string& passed);

  bool is_over() const { return state_ == state::over; }
  /// Of the request that was taken last.
  bool is_of_http_1_0() const { return old_; }
  const std::optional<framing_fault>& wrong() const { return wrong_; }
  bool is_in_body() const { return state_ >= state::content; }

 private:
  enum class state : std::uint8_t { over, request_line, header, content, chunk_size, chunk, chunk_end, trailer };

  void begin();
  std::size_t take_content(std::string_view sent, std::string& passed);
  std::size_t take_part_of_line(std::string_view sent, std::string& passed);
  void take_line(const std::string& line, std::string& passed);
  void take_request_line(const std::string& line, std::string& passed);
  void take_header(const std::string& line, std::string& passed);
  void take_length(std::string_view value);
  void end_head(std::string& passed);
  void take_chunk_size(const std::string& line, std::string& passed);
  void take_trailer(const std::string& line, std::string& passed);
  void expect_lines(state next);
  std::size_t line_bytes_max() const;
  void fail(framing_fault why) {
    if (!wrong_) wrong_ = why;
  }

  state state_ = state::over;
  std::optional<framing_fault> wrong_;
  std::string line_;         ///< as far as it is there
  std::size_t bytes_ = 0;    ///< of the head, of the trailer, or of a chunk's first line
  std::uint64_t left_ = 0;   ///< of the content, or of the chunk
  bool old_ = false;         ///< a request of HTTP/1.0
  std::uint32_t hosts_ = 0;  ///< headers of this name
  std::optional<std::uint64_t> length_;
  std::optional<std::string> codings_;  ///< of the transfer, in lower case
};

}  // namespace chromatin::http
