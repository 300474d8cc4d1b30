#include "actors/registry_window.hpp"

#include <algorithm>

#include "kv/check.hpp"

namespace chromatin {
namespace {

void append(std::vector<kv::token_id>& to, const std::vector<kv::token_id>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

/// Takes tokens off the end. A tail that was saved with more tokens than are left has another key: what is settled then
/// ends with a whole chunk, or with the tail that a truncation kept.
void take_off(kv::lineage& window, std::size_t tokens) {
  if (tokens == 0) return;
  auto count = static_cast<std::uint32_t>(window.tokens.size() - tokens);
  bool tail_is_longer = window.settled > count;
  kv::shorten(window, count);
  if (tail_is_longer)
    window.settled = std::max(window.settled / kv::tokens_per_chunk * kv::tokens_per_chunk, window.kept_tokens);
}

}  // namespace

key_list chunks_of(const kv::lineage& window, std::uint32_t known_tokens) {
  key_list keys;
  auto add = [&](const kv::lineage& of, std::size_t first) {
    auto links = kv::chain(of, of.settled);
    for (auto i = std::min(first, links.size()); i < links.size(); ++i) keys.push_back(links[i].key);
  };
  for (const auto& before : kv::history(window)) add(before, 0);
  add(window, known_tokens / kv::tokens_per_chunk);
  return keys;
}

std::vector<kv::token_id> settle_window(kv::lineage& window, const turn_outcome& outcome,
                                        const std::vector<kv::token_id>& prompt, const rendering& render,
                                        std::uint32_t known_tokens, key_list& chunks) {
  const auto& answer = outcome.answer;
  auto kept = outcome.kept_answer_tokens;
  CHROMATIN_CHECK(kept <= answer.size(), "an answer keeps some of its tokens, or all");
  auto message = prompt;
  if (outcome.window) {
    window = *outcome.window;
  } else {
    append(window.tokens, message);
    append(window.tokens, answer);
  }
  window.settled = outcome.settled;
  chunks = chunks_of(window, outcome.window ? 0 : known_tokens);
  chunks.insert(chunks.end(), outcome.also_saved.begin(), outcome.also_saved.end());
  take_off(window, answer.size() - kept);
  auto ending = render.ending(outcome);
  append(window.tokens, ending);
  message.insert(message.end(), answer.begin(), answer.begin() + kept);
  append(message, ending);
  return message;
}

bool take_back(kv::lineage& window, std::span<const io::stored_message> messages) {
  std::vector<kv::token_id> end;
  for (const auto& m : messages) {
    if (!m.tokens) return false;
    append(end, *m.tokens);
  }
  if (end.size() > window.tokens.size() || !std::equal(end.rbegin(), end.rend(), window.tokens.rbegin())) return false;
  if (window.tokens.size() - end.size() < std::max(window.kept_tokens, window.keep)) return false;
  take_off(window, end.size());
  return true;
}

kv::lineage window_of(std::span<const io::stored_message> messages, kv::chunk_key root, const rendering& render) {
  bool has_system = !messages.empty() && messages[0].role == "system";
  auto window = render.new_window(root, has_system ? messages[0].content : std::string{});
  bool known = std::all_of(messages.begin(), messages.end(), [](const auto& m) { return m.tokens.has_value(); });
  model::continuation made;
  if (!known) {
    message_list all;
    for (const auto& m : messages) all.push_back({m.role, m.content});
    made = render.go_on({}, all);
  }
  for (std::size_t i = has_system; i < messages.size(); ++i)
    append(window.tokens, messages[i].tokens ? *messages[i].tokens : made.messages[i]);
  return window;
}

}  // namespace chromatin
