#pragma once

/// Conversations, durable: who said what, the exact tokens, and how far their cache goes. Blocking; one thread at a
/// time.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/sqlite.hpp"
#include "kv/lineage.hpp"

namespace chromatin::io {

/// A conversation by tenant and name. One tenant cannot reach another's.
struct conversation_key {
  std::string tenant;
  std::string id;
};

struct conversation_record {
  std::uint64_t version = 0;  ///< goes up with every change
  std::uint32_t messages = 0;
  std::string last_role;  ///< of the last message; empty when there is none
  kv::lineage window;
};

/// A message and the tokens it adds to the window.
struct appended_message {
  std::string role;
  std::string content;
  std::vector<kv::token_id> tokens;
};

/// The conversation is not at the version that the caller expected.
struct version_conflict : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class registry_store {
 public:
  /// Opens or makes `folder/registry.sqlite`; an empty path keeps everything in memory. Throws open_error, for a newer
  /// format too.
  explicit registry_store(const std::filesystem::path& folder);

  /// A tenant's salt: 128 random bits, made once. `fresh` is used if there is none yet.
  kv::hash128 tenant_salt(const std::string& tenant, kv::hash128 fresh);
  std::optional<conversation_record> load(const conversation_key& key);
  /// The conversation must not exist. `window` has the tokens of the system prompt already, if there is one.
  conversation_record create(const conversation_key& key, const kv::lineage& window,
                             const std::string& system_prompt = {});
  /// Durable when it returns. Throws version_conflict. `settled` says how much of the window is cached from now on.
  void append(const conversation_key& key, std::uint64_t expected_version, const appended_message& message,
              std::uint32_t settled);
  /// The same when something had to leave the window: `window` replaces it and has the message's tokens already.
  void append(const conversation_key& key, std::uint64_t expected_version, const appended_message& message,
              const kv::lineage& window);
  /// Replaces the window, as after a truncation.
  void replace_window(const conversation_key& key, std::uint64_t expected_version, const kv::lineage& window);
  /// Copies a conversation; false if the new name is taken.
  bool fork(const conversation_key& key, const std::string& new_id);
  void forget(const conversation_key& key);
  std::int64_t conversations();

 private:
  void bump(const conversation_key& key, std::uint64_t expected_version, std::uint32_t settled);
  void put_window(const conversation_key& key, const kv::lineage& window);
  void add_message(const conversation_key& key, const appended_message& message);

  std::unique_ptr<database> db_;
};

}  // namespace chromatin::io
