#include "model/token_finder.hpp"

#include <algorithm>

#include "model/normal_forms.hpp"
#include "model/utf8.hpp"

namespace chromatin::model {
namespace {

bool stands_alone(std::string_view text, text_range at) {
  auto before = text.substr(0, at.begin), after = text.substr(at.end);
  return (before.empty() || !is_word_character(code_point(last_character(before)))) &&
         (after.empty() || !is_word_character(code_point(first_character(after))));
}

}  // namespace

void token_finder::add(const std::string& content, const added_token& token) {
  if (content.empty() || !tokens_.emplace(content, token).second) return;
  auto& lengths = lengths_[static_cast<unsigned char>(content[0])];
  auto length = static_cast<std::uint32_t>(content.size());
  auto place = std::find_if(lengths.begin(), lengths.end(), [&](auto l) { return l <= length; });
  if (place == lengths.end() || *place != length) lengths.insert(place, length);
}

const added_token* token_finder::at_front(std::string_view text, std::size_t& bytes) const {
  for (auto length : lengths_[static_cast<unsigned char>(text[0])])
    if (length <= text.size())
      if (auto one = tokens_.find(std::string{text.substr(0, length)}); one != tokens_.end()) {
        bytes = length;
        return &one->second;
      }
  return nullptr;
}

std::vector<token_finder::found> token_finder::find(std::string_view text) const {
  std::vector<found> all;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t bytes = 0;
    const auto* token = tokens_.empty() ? nullptr : at_front(text.substr(at), bytes);
    if (token == nullptr) {
      ++at;
      continue;
    }
    text_range here{at, at + bytes};
    at = here.end;
    if (token->single_word && !stands_alone(text, here)) continue;
    if (token->strips_left)
      while (here.begin > done) {
        auto last = last_character(text.substr(done, here.begin - done));
        if (!is_white_space(code_point(last))) break;
        here.begin -= last.size();
      }
    if (token->strips_right)
      while (here.end < text.size()) {
        auto next = first_character(text.substr(here.end));
        if (!is_white_space(code_point(next))) break;
        here.end += next.size();
      }
    at = here.end;
    if (here.begin > done) all.push_back({{done, here.begin}, {}});
    all.push_back({here, token->id});
    done = here.end;
  }
  if (done < text.size()) all.push_back({{done, text.size()}, {}});
  return all;
}

}  // namespace chromatin::model
