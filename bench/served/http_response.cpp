#include "bench/served/http_response.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>

namespace chromatin::bench {
namespace {

constexpr std::string_view line_end = "\r\n", head_end = "\r\n\r\n", event_end = "\n\n", data_mark = "data: ";

std::uint64_t number_of(std::string_view text, int base) {
  std::uint64_t number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number, base).ec != std::errc{})
    throw std::runtime_error("a server sent a response without its length: " + std::string{text});
  return number;
}

/// Of a header, whose name is given in small letters; `head` is in small letters too.
std::string_view header_of(std::string_view head, std::string_view name) {
  auto at = head.find(std::string{line_end} + std::string{name} + ":");
  if (at == head.npos) return {};
  at = std::min(head.find_first_not_of(' ', at + line_end.size() + name.size() + 1), head.size());
  return head.substr(at, head.find(line_end, at) - at);
}

}  // namespace

void response_reader::feed(std::string_view bytes, const take_text& body) {
  rest_ += bytes;
  while (!done() && step(body)) {
  }
}

bool response_reader::step(const take_text& body) {
  switch (next_) {
    case part::head:
      return read_head();
    case part::sized:
      return take(body, part::none);
    case part::chunk_size:
      return read_chunk_size();
    case part::chunk:
      return take(body, part::chunk_end);
    case part::chunk_end:
      return skip_line(part::chunk_size);
    case part::last_line:
      return skip_line(part::none);
    case part::none:
      break;
  }
  return false;
}

bool response_reader::read_head() {
  auto end = rest_.find(head_end);
  if (end == rest_.npos) return false;
  auto head = rest_.substr(0, end + line_end.size());
  rest_.erase(0, end + head_end.size());
  std::ranges::transform(head, head.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  auto space = std::min(head.find(' '), head.size() - 1);
  status_ = static_cast<int>(number_of(std::string_view{head}.substr(space + 1, 3), 10));
  if (header_of(head, "transfer-encoding") == "chunked") return next_ = part::chunk_size, true;
  left_ = number_of(header_of(head, "content-length"), 10);
  next_ = left_ > 0 ? part::sized : part::none;
  return true;
}

bool response_reader::read_chunk_size() {
  auto end = rest_.find(line_end);
  if (end == rest_.npos) return false;
  left_ = number_of(std::string_view{rest_}.substr(0, end), 16);
  rest_.erase(0, end + line_end.size());
  next_ = left_ > 0 ? part::chunk : part::last_line;
  return true;
}

bool response_reader::skip_line(part then) {
  auto end = rest_.find(line_end);
  if (end == rest_.npos) return false;
  rest_.erase(0, end + line_end.size());
  next_ = then;
  return true;
}

bool response_reader::take(const take_text& body, part then) {
  if (rest_.empty()) return false;
  auto now = std::min<std::uint64_t>(left_, rest_.size());
  body(std::string_view{rest_}.substr(0, now));
  rest_.erase(0, now);
  left_ -= now;
  if (left_ == 0) next_ = then;
  return true;
}

void event_reader::feed(std::string_view bytes, const take_text& event) {
  rest_ += bytes;
  for (auto end = rest_.find(event_end); end != rest_.npos; end = rest_.find(event_end)) {
    auto text = std::string_view{rest_}.substr(0, end);
    if (auto at = text.find(data_mark); at != text.npos) event(text.substr(at + data_mark.size()));
    rest_.erase(0, end + event_end.size());
  }
}

}  // namespace chromatin::bench
