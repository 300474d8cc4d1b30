#pragma once

/// A conversation as the registry's tests grow it.

#include "io/registry_store.hpp"

namespace chromatin::io {

using tokens = std::vector<kv::token_id>;

inline const conversation_key alice{"tenant-a", "talk"};
inline constexpr lease_owner turn = 7;
inline const kv::lineage opening{.tokens = {1}, .root = {5, 6}};

inline stored_message user(const std::string& text, tokens ids) { return {"user", text, std::move(ids)}; }
inline stored_message assistant(const std::string& text, tokens ids) { return {"assistant", text, std::move(ids)}; }

/// A conversation as the registry grows it: its window here, its store there.
struct talk {
  registry_store& store;
  conversation_key key = alice;
  kv::lineage window = opening;
  std::uint64_t version = 0;

  void say(const std::vector<stored_message>& messages, std::vector<kv::chunk_key> chunks = {}) {
    for (const auto& m : messages) window.tokens.insert(window.tokens.end(), m.tokens->begin(), m.tokens->end());
    version = store.write(key, turn, {version, messages, window, false, std::move(chunks)});
  }
  void replace() { version = store.write(key, turn, {version, {}, window, true, {}}); }
};

}  // namespace chromatin::io
