/// What is left of a damaged conversation.

#include <algorithm>

#include "io/sqlite_registry.hpp"

namespace chromatin::io {

using registry_format::checksum;

/// Up to the first that is not what was written.
struct sqlite_registry::beginning {
  std::vector<kv::token_id> window;
  std::vector<stored_message> messages;
  std::optional<row> known;  ///< the row, if it is sound
  bool truncated = false;
};

namespace {

/// How many tokens of the window these messages end with, if they stand in it one after the other.
std::optional<std::size_t> end_of(std::span<const stored_message> messages, const std::vector<kv::token_id>& window,
                                  std::size_t& begin) {
  std::vector<kv::token_id> said;
  for (const auto& m : messages) said.insert(said.end(), m.tokens->begin(), m.tokens->end());
  auto found = std::search(window.begin(), window.end(), said.begin(), said.end());
  if (said.empty() || found == window.end()) return {};
  begin = static_cast<std::size_t>(found - window.begin());
  return begin + said.size();
}

}  // namespace

sqlite_registry::beginning sqlite_registry::sound_beginning(const conversation_key& key) {
  beginning b;
  try {
    b.known = find_row(key);
  } catch (const damaged_conversation&) {
    // Who it is and what it said may still be known.
  }
  statement cut{*db_, "SELECT 1 FROM cuts WHERE tenant = ? AND id = ? LIMIT 1"};
  b.truncated = cut.bind(key.tenant, key.id).step() || (b.known && !b.known->kept.empty());
  auto in_vocabulary = [&](const std::vector<kv::token_id>& tokens) {
    return std::ranges::all_of(tokens, [&](kv::token_id t) { return t < vocabulary_; });
  };
  statement parts{*db_, "SELECT part, tokens, checksum FROM tokens WHERE tenant = ? AND id = ? ORDER BY part"};
  parts.bind(key.tenant, key.id);
  for (std::int64_t next = 0; parts.step(); ++next) {
    auto blob = parts.blob(1);
    if (parts.integer(0) != next || parts.is_null(2) || parts.integer(2) != checksum(next, blob)) break;
    auto part = list_of<kv::token_id>(blob);
    if (!in_vocabulary(part)) break;
    b.window.insert(b.window.end(), part.begin(), part.end());
  }
  statement messages{*db_,
                     "SELECT number, role, content, tokens, checksum FROM messages WHERE tenant = ? AND id = ? ORDER "
                     "BY number"};
  messages.bind(key.tenant, key.id);
  for (std::int64_t next = 0; messages.step(); ++next) {
    if (messages.integer(0) != next || messages.is_null(3) || messages.is_null(4)) break;
    if (messages.blob(3).size() % sizeof(kv::token_id) != 0) break;
    stored_message m{messages.text(1), messages.text(2), list_of<kv::token_id>(messages.blob(3))};
    if (messages.integer(4) != checksum(next, m) || !in_vocabulary(*m.tokens)) break;
    b.messages.push_back(std::move(m));
  }
  return b;
}

std::optional<std::uint32_t> sqlite_registry::cut_back(const conversation_key& key) {
  auto b = sound_beginning(key);
  if (b.truncated) return {};
  for (; !b.messages.empty(); b.messages.pop_back()) {
    if (b.messages.back().role == "user") continue;
    std::size_t begin = 0;
    auto end = end_of(b.messages, b.window, begin);
    if (!end) continue;
    kv::lineage window{.tokens = {b.window.begin(), b.window.begin() + static_cast<std::ptrdiff_t>(*end)}};
    window.keep = static_cast<std::uint32_t>(begin);
    if (b.messages[0].role == "system") window.keep += static_cast<std::uint32_t>(b.messages[0].tokens->size());
    row next{.version = 1};  // without a root: it stands for the tenant's
    if (b.known) {
      next.version = b.known->version + 1;
      window.root = list_of<kv::chunk_key>(b.known->parent).at(0);
      auto whole = *end / kv::tokens_per_chunk * kv::tokens_per_chunk;  // a longer tail has another key
      window.settled = static_cast<std::uint32_t>(
          b.known->settled <= static_cast<std::int64_t>(*end) ? b.known->settled : static_cast<std::int64_t>(whole));
    }
    transaction all{*db_};
    statement{*db_, "DELETE FROM messages WHERE tenant = ? AND id = ?"}.bind(key.tenant, key.id).run();
    add_messages(key, next, b.messages);
    put_window(key, next, window, true);
    put_row(key, next);
    all.commit();
    return static_cast<std::uint32_t>(next.messages);
  }
  return {};
}

}  // namespace chromatin::io
