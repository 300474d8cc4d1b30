#include "http/old_clients.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace chromatin::http {
namespace {

constexpr std::string_view line_end = "\r\n", in_chunks = "Transfer-Encoding: chunked\r\n",
                           closes = "\r\nConnection: close\r\n", stays = "Connection: keep-alive\r\n";

}  // namespace

std::string old_response_text::take(std::string_view written) {
  if (std::exchange(head_, false)) return head_of(written);
  return in_chunks_ ? content_of(written) : std::string{written};
}

std::string old_response_text::head_of(std::string_view head) {
  std::string text{head};
  auto coding = text.find(in_chunks);
  in_chunks_ = coding != text.npos;
  if (in_chunks_) text.erase(coding, in_chunks.size());
  auto behind_status = text.find(line_end);
  if (behind_status != text.npos && text.find(closes) == text.npos) text.insert(behind_status + line_end.size(), stays);
  return text;
}

std::string old_response_text::content_of(std::string_view chunks) {
  std::string content;
  while (!chunks.empty()) {
    if (left_ == 0) {
      size_line_ += chunks.front();
      chunks.remove_prefix(1);
      if (!size_line_.ends_with('\n')) continue;
      left_ = std::strtoul(size_line_.c_str(), nullptr, 16) + line_end.size();
      size_line_.clear();
      continue;
    }
    auto now = std::min(left_, chunks.size());
    auto of_content = left_ > line_end.size() ? std::min(now, left_ - line_end.size()) : 0;
    content += chunks.substr(0, of_content);
    chunks.remove_prefix(now);
    left_ -= now;
  }
  return content;
}

}  // namespace chromatin::http
