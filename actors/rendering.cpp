#include "actors/rendering.hpp"

#include <algorithm>

namespace chromatin {
namespace {

using token_list = std::vector<kv::token_id>;

/// The bytes of an answer's next token, as they are in its text.
std::string bytes_in_text(const model::tokenizer& words, kv::token_id token, bool first) {
  auto bytes = words.bytes(token);
  if (first && words.adds_leading_space() && bytes.starts_with(' ')) bytes.erase(0, 1);
  return bytes;
}

}  // namespace

std::uint32_t tokens_within(const model::tokenizer& words, std::span<const kv::token_id> answer,
                            std::string_view text) {
  std::uint32_t count = 0;
  for (; count < answer.size(); ++count) {
    auto bytes = bytes_in_text(words, answer[count], count == 0);
    if (!text.starts_with(bytes)) break;
    text.remove_prefix(bytes.size());
  }
  return count;
}

kv::lineage rendering::new_window(kv::chunk_key root, const std::string& system_prompt) const {
  kv::lineage window{.tokens = checkpoint_->chat.head(system_prompt, options_), .root = root};
  if (window.tokens.size() > checkpoint_->chat.opening().size())
    window.keep = static_cast<std::uint32_t>(window.tokens.size());
  return window;
}

token_list rendering::system_message(const kv::lineage& new_window) const {
  auto opening = std::min(checkpoint_->chat.opening().size(), new_window.tokens.size());
  return {new_window.tokens.begin() + static_cast<std::ptrdiff_t>(opening), new_window.tokens.end()};
}

token_list rendering::text(std::string_view plain) const {
  auto tokens = checkpoint_->chat.opening();
  auto more = checkpoint_->tokenizer->encode(plain);
  tokens.insert(tokens.end(), more.begin(), more.end());
  return tokens;
}

token_list rendering::ending(const turn_outcome& outcome) const {
  auto tokens = rest_of_text(outcome);
  auto kept = outcome.kept_answer_tokens;
  bool closed = kept > 0 && checkpoint_->config.is_end_of_answer(outcome.answer[kept - 1]);
  if (!closed) tokens.push_back(checkpoint_->chat.answer_end());
  return tokens;
}

token_list rendering::rest_of_text(const turn_outcome& outcome) const {
  if (outcome.kept_answer_tokens == outcome.answer.size()) return {};
  const auto& words = *checkpoint_->tokenizer;
  std::string kept;
  for (std::uint32_t i = 0; i < outcome.kept_answer_tokens; ++i)
    kept += bytes_in_text(words, outcome.answer[i], i == 0);
  if (!outcome.text.starts_with(kept)) return {};
  auto rest = std::string_view{outcome.text}.substr(kept.size());
  // Some tokenizers put a space before a text: behind another character the same text has none.
  for (std::string_view before : {"", "\n", "."}) {
    auto ids = words.encode(std::string{before} + std::string{rest});
    std::string bytes;
    for (auto first = ids.end(); first != ids.begin() && bytes.size() < rest.size();) {
      bytes.insert(0, words.bytes(*--first));
      if (bytes == rest) return {first, ids.end()};
    }
  }
  return {};
}

}  // namespace chromatin
