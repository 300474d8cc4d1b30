#include "model/text_stream.hpp"

#include <algorithm>
#include <utility>

namespace chromatin::model {

text_stream::text_stream(std::shared_ptr<const tokenizer> words, std::vector<std::string> stop)
    : words_{std::move(words)}, stop_{std::move(stop)} {}

std::string text_stream::push(kv::token_id token) {
  if (stopped_) return {};
  auto bytes = words_->bytes(token);
  if (at_start_ && words_->adds_leading_space() && bytes.starts_with(' ')) bytes.erase(0, 1);
  at_start_ = false;
  return release(characters_.push(bytes));
}

std::string text_stream::finish() {
  if (stopped_) return {};
  auto rest = release(characters_.finish());
  return stopped_ ? rest : rest + std::exchange(held_, {});
}

std::string text_stream::release(std::string text) {
  held_ += text;
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
  auto certain = held_.substr(0, end);
  held_.erase(0, end);
  if (stopped_) held_.clear();
  return certain;
}

}  // namespace chromatin::model
