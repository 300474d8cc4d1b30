#include "model/text_stream.hpp"

#include <algorithm>

namespace chromatin::model {

text_stream::text_stream(std::shared_ptr<const tokenizer> words, std::vector<std::string> stop)
    : words_{std::move(words)}, stop_{std::move(stop)} {}

std::string text_stream::push(kv::token_id token) {
  if (stopped_) return {};
  auto bytes = words_->bytes(token);
  if (at_start_ && words_->adds_leading_space() && bytes.starts_with(' ')) bytes.erase(0, 1);
  at_start_ = false;
  auto text = characters_.push(bytes);
  ends_.push_back(bytes_in_ + text.size() + (characters_.in_character() ? 1 : 0));  // where exactly is not known yet
  return release(text);
}

std::string text_stream::finish() {
  if (stopped_) return {};
  auto rest = release(characters_.finish());
  return stopped_ ? rest : rest + let_out(held_.size());
}

std::string text_stream::let_out(std::size_t bytes) {
  auto text = held_.substr(0, bytes);
  held_.erase(0, bytes);
  bytes_out_ += bytes;
  for (; !ends_.empty() && ends_.front() <= bytes_out_; ends_.pop_front()) ++tokens_out_;
  return text;
}

std::string text_stream::release(const std::string& text) {
  held_ += text;
  bytes_in_ += text.size();
  auto end = held_.size();
  for (const auto& stop : stop_)
    if (auto at = held_.find(stop); at < end) {
      end = at;
      stopped_ = true;
    }
  if (!stopped_) {
    for (const auto& stop : stop_)  // hold back the longest end that may begin a stop string
      for (auto length = std::min(stop.size() - 1, held_.size()); length > 0; --length)
        if (held_.ends_with(std::string_view{stop}.substr(0, length))) {
          end = std::min(end, held_.size() - length);
          break;
        }
  }
  auto certain = let_out(end);
  if (stopped_) held_.clear();
  return certain;
}

}  // namespace chromatin::model
