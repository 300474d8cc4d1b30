#include "model/chat_tokens.hpp"

#include <algorithm>

#include "model/utf8.hpp"

namespace chromatin::model {
namespace {

std::size_t white_space_at_front(std::string_view text) {
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    auto next = first_character(text.substr(bytes));
    if (!is_white_space(code_point(next))) break;
    bytes += next.size();
  }
  return bytes;
}

std::size_t without_white_space_behind(std::string_view text) {
  while (!text.empty()) {
    auto last = last_character(text);
    if (!is_white_space(code_point(last))) break;
    text.remove_suffix(last.size());
  }
  return text.size();
}

}  // namespace

chat_tokens::chat_tokens(std::shared_ptr<const tokenizer> words) : words_{std::move(words)} {
  for (const auto& piece : words_->controls()) {
    if (piece.empty()) continue;
    auto id = words_->control(piece);
    controls_.emplace(piece, control{id, words_->margins(id)});
    sizes_[static_cast<unsigned char>(piece[0])].push_back(piece.size());
  }
  for (auto& sizes : sizes_) {
    std::sort(sizes.rbegin(), sizes.rend());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  }
}

auto chat_tokens::control_at(std::string_view text) const -> std::pair<std::size_t, control> {
  for (auto size : sizes_[static_cast<unsigned char>(text[0])])
    if (size <= text.size())
      if (auto found = controls_.find(text.substr(0, size)); found != controls_.end()) return {size, found->second};
  return {};
}

std::vector<chat_segment> chat_tokens::segments(const jinja::text& of) const {
  std::vector<chat_segment> all;
  std::string_view bytes = of.bytes();
  std::size_t plain = 0, at = 0, end = 0;
  auto put = [&](std::size_t to, bool taken) {
    if (plain < to) all.push_back({plain, to, {}, taken});
    plain = std::max(plain, to);
  };
  for (const auto& [size, from] : of.runs()) {
    end += size;
    while (from == jinja::of_template && at < end) {
      auto [found, token] = control_at(bytes.substr(at, end - at));
      if (found > 0) {
        if (token.margins.left) put(plain + without_white_space_behind(bytes.substr(plain, at - plain)), false);
        put(at, token.margins.left);
        all.push_back({at, at + found, token.id});
        plain = at += found;
        if (token.margins.right) put(at + white_space_at_front(bytes.substr(at)), true);
        at = plain;
      } else {
        ++at;
      }
    }
    at = std::max(at, end);
  }
  put(bytes.size(), false);
  return all;
}

std::vector<kv::token_id> chat_tokens::tokens(const jinja::text& of, const std::vector<chat_segment>& segments,
                                              std::size_t begin, std::size_t end) const {
  std::vector<kv::token_id> ids;
  for (const auto& s : segments) {
    auto from = std::max(s.begin, begin), to = std::min(s.end, end);
    if (from >= to || s.taken) continue;
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
