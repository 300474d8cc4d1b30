#include "model/chat_tokens.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace chromatin::model {

chat_tokens::chat_tokens(std::shared_ptr<const tokenizer> words) : words_{std::move(words)} {
  for (const auto& piece : words_->controls()) {
    if (piece.empty()) continue;
    controls_.emplace(piece, words_->control(piece));
    sizes_[static_cast<unsigned char>(piece[0])].push_back(piece.size());
  }
  for (auto& sizes : sizes_) {
    std::sort(sizes.rbegin(), sizes.rend());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  }
}

std::pair<std::size_t, kv::token_id> chat_tokens::control_at(std::string_view text) const {
  for (auto size : sizes_[static_cast<unsigned char>(text[0])])
    if (size <= text.size())
      if (auto found = controls_.find(text.substr(0, size)); found != controls_.end()) return {size, found->second};
  return {0, 0};
}

std::vector<chat_segment> chat_tokens::segments(const jinja::text& of) const {
  std::vector<chat_segment> all;
  std::string_view bytes = of.bytes();
  std::size_t plain = 0, at = 0;
  auto put_plain = [&](std::size_t end) {
    if (plain < end) all.push_back({plain, end, {}});
  };
  for (const auto& [size, from] : of.runs()) {
    auto end = at + size;
    while (from == jinja::of_template && at < end) {
      auto [found, id] = control_at(bytes.substr(at, end - at));
      if (found > 0) {
        put_plain(at);
        all.push_back({at, at + found, id});
        plain = at + found;
      }
      at += std::max<std::size_t>(found, 1);
    }
    at = end;
  }
  put_plain(bytes.size());
  return all;
}

std::vector<kv::token_id> chat_tokens::tokens(const jinja::text& of, const std::vector<chat_segment>& segments,
                                              std::size_t begin, std::size_t end) const {
  std::vector<kv::token_id> ids;
  for (const auto& s : segments) {
    auto from = std::max(s.begin, begin), to = std::min(s.end, end);
    if (from >= to) continue;
    if (s.control) {
      ids.push_back(*s.control);
      continue;
    }
    auto place = from > s.begin ? text_place::inside : s.begin > 0 ? text_place::behind_token : text_place::start;
    auto part = words_->encode(std::string_view{of.bytes()}.substr(from, to - from), place);
    ids.insert(ids.end(), part.begin(), part.end());
  }
  return ids;
}

}  // namespace chromatin::model
