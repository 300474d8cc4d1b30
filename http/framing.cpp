#include "http/framing.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "http/request_head.hpp"

namespace chromatin::http {
namespace {

constexpr std::string_view crlf = "\r\n", space = " \t";
constexpr std::size_t head_bytes_max = 128 << 10, chunk_line_bytes_max = 4 << 10;
constexpr std::size_t length_digits_max = 18, chunk_digits_max = 15;  // so that no number of 64 bits overflows

constexpr framing_fault odd_line{400, "lines end in CR LF, and have no other control characters than tabs"},
    odd_request_line{400, "a request begins with METHOD TARGET HTTP/1.1"},
    odd_version{505, "the version is HTTP/1.1 or HTTP/1.0"},
    odd_header{400, "a header is a name, a colon right behind it, and a value, on one line"},
    large_head{431, "the headers are too large"}, hosts{400, "a request has one Host"},
    odd_length{400, "the Content-Length is not one whole number"},
    two_ends{400, "a body has a Content-Length or comes in chunks, not both"},
    old_chunks{400, "HTTP/1.0 has no transfer encodings"},
    no_end{400, "the last transfer encoding is chunked, or nobody knows where the body ends"},
    odd_coding{501, "of transfer encodings only chunked is served"},
    odd_chunks{400, "the body's chunks are not as HTTP has them"};

bool is_name(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || others.find(c) != others.npos;
  });
}

/// In mid-line: a carriage return or a line feed is looked at when the line is there.
bool is_control(char c) { return (c >= 0 && c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7F; }

std::string_view trimmed(std::string_view text) {
  auto begin = text.find_first_not_of(space);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(space) + 1 - begin);
}

/// Nothing but digits, and all of them.
std::optional<std::uint64_t> number_in(std::string_view digits, int base, std::size_t digits_max) {
  std::uint64_t value = 0;
  auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.size() > digits_max || wrong != std::errc{} || end != digits.data() + digits.size()) return {};
  return value;
}

/// The name, if the line is a header.
std::optional<std::string_view> name_in(std::string_view line) {
  auto name = line.substr(0, line.find(':'));
  if (name.size() == line.size() || !is_name(name)) return {};
  return name;
}

}  // namespace

void framing::begin() {
  wrong_ = {};
  old_ = false;
  hosts_ = 0;
  length_ = {};
  codings_ = {};
  expect_lines(state::request_line);
}

void framing::expect_lines(state next) {
  state_ = next;
  bytes_ = 0;
}

std::size_t framing::take(std::string_view sent, std::string& passed) {
  if (is_over() && !sent.empty()) begin();
  std::size_t at = 0;
  while (at < sent.size() && !is_over() && !wrong_) {
    bool content = state_ == state::content || state_ == state::chunk;
    auto rest = sent.substr(at);
    at += content ? take_content(rest, passed) : take_part_of_line(rest, passed);
  }
  if (wrong_ && !is_in_body()) {
    if (state_ == state::request_line) passed += "GET / HTTP/1.1\r\n";
    passed += crlf;
  }
  return at;
}

std::size_t framing::take_content(std::string_view sent, std::string& passed) {
  auto now = static_cast<std::size_t>(std::min<std::uint64_t>(left_, sent.size()));
  passed += sent.substr(0, now);
  left_ -= now;
  if (left_ == 0) expect_lines(state_ == state::chunk ? state::chunk_end : state::over);
  return now;
}

std::size_t framing::line_bytes_max() const {
  if (state_ == state::chunk_end) return crlf.size();
  return state_ == state::chunk_size ? chunk_line_bytes_max : head_bytes_max;
}

std::size_t framing::take_part_of_line(std::string_view sent, std::string& passed) {
  auto end = sent.find('\n');
  auto part = sent.substr(0, end == sent.npos ? sent.size() : end + 1);
  bytes_ += part.size();
  if (bytes_ > line_bytes_max()) {
    fail(is_in_body() ? odd_chunks : large_head);
  } else if (std::ranges::any_of(part, is_control)) {
    fail(odd_line);
  } else {
    line_ += part;
    if (end == sent.npos) return part.size();
    auto line = std::exchange(line_, {});
    if (!line.ends_with(crlf) || line.find('\r') + crlf.size() != line.size())
      fail(odd_line);
    else
      take_line(line.erase(line.size() - crlf.size()), passed);
  }
  return part.size();
}

void framing::take_line(const std::string& line, std::string& passed) {
  if (state_ == state::request_line) return take_request_line(line, passed);
  if (state_ == state::header) return take_header(line, passed);
  if (state_ == state::chunk_size) return take_chunk_size(line, passed);
  if (state_ == state::trailer) return take_trailer(line, passed);
  passed += crlf;  // of a chunk: there is no room for more
  expect_lines(state::chunk_size);
}

void framing::take_request_line(const std::string& line, std::string& passed) {
  if (line.empty()) return;  // some clients send one behind a body
  auto first = line.find(' '), last = line.rfind(' ');
  constexpr std::string_view protocol = "HTTP/";
  auto version = last == line.npos ? std::string_view{} : std::string_view{line}.substr(last + 1);
  if (first >= last || !is_name(std::string_view{line}.substr(0, first)) || !version.starts_with(protocol) ||
      std::string_view{line}.substr(first + 1, last - first - 1).find_first_of(space) != line.npos || last == first + 1)
    return fail(odd_request_line);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return fail(odd_version);
  old_ = version.ends_with('0');
  passed += line;
  passed += crlf;
  state_ = state::header;
}

void framing::take_header(const std::string& line, std::string& passed) {
  if (line.empty()) return end_head(passed);
  auto found = name_in(line);
  if (!found) return fail(odd_header);
  auto name = lower_case(*found);
  auto value = trimmed(std::string_view{line}.substr(found->size() + 1));
  if (name == "content-length") return take_length(value);
  if (name == "transfer-encoding") {
    codings_ = (codings_ ? *codings_ + "," : std::string{}) + lower_case(value);
    return;
  }
  if (name == "host") ++hosts_;
  passed += line;
  passed += crlf;
}

void framing::take_length(std::string_view value) {
  auto length = number_in(value, 10, length_digits_max);
  if (length_ || !length) return fail(odd_length);
  length_ = length;
}

void framing::end_head(std::string& passed) {
  if (hosts_ > 1 || (hosts_ == 0 && !old_)) return fail(hosts);
  if (codings_) {
    if (old_) return fail(old_chunks);
    if (length_) return fail(two_ends);
    auto last = trimmed(std::string_view{*codings_}.substr(codings_->rfind(',') + 1));
    if (last != "chunked") return fail(no_end);
    if (*codings_ != last) return fail(odd_coding);
    passed += "Transfer-Encoding: chunked\r\n";
    expect_lines(state::chunk_size);
  } else {
    if (length_) passed += "Content-Length: " + std::to_string(*length_) + "\r\n";
    left_ = length_.value_or(0);
    expect_lines(left_ > 0 ? state::content : state::over);
  }
  passed += crlf;
}

void framing::take_chunk_size(const std::string& line, std::string& passed) {
  auto end = std::min(line.find(';'), line.size());  // what is behind it is for who knows it
  auto digits = std::string_view{line}.substr(0, end);
  if (end < line.size()) digits = digits.substr(0, digits.find_last_not_of(space) + 1);
  auto size = number_in(digits, 16, chunk_digits_max);
  if (!size) return fail(odd_chunks);
  left_ = *size;
  if (left_ == 0) return expect_lines(state::trailer);
  passed += digits;
  passed += crlf;
  expect_lines(state::chunk);
}

/// KJ would take it for the next request, and the body for complete in front of it.
void framing::take_trailer(const std::string& line, std::string& passed) {
  if (!line.empty()) {
    if (!name_in(line)) fail(odd_header);
    return;
  }
  passed += "0\r\n\r\n";
  state_ = state::over;
}

}  // namespace chromatin::http
