#pragma once

/// Checks a store at rest: every file, row and chunk against what was written. Repairs by dropping, if asked to.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "io/cache_folders.hpp"
#include "io/registry_store.hpp"

namespace chromatin::io::fsck {

enum class kind : std::uint8_t {
  damage,  ///< not what was written
  open,    ///< others than its owner may read or write it
  note,    ///< nothing is wrong; somebody may want to know
};
const char* to_string(kind);

struct finding {
  kind what_kind = kind::damage;
  std::string where;   ///< file, row or chunk
  std::string what;    ///< a sentence
  std::string repair;  ///< what was done about it; empty: nothing
};

struct report {
  std::vector<finding> findings;
  std::int64_t conversations = 0, messages = 0, chunks = 0, chunk_bytes = 0;  ///< that were looked at
  std::vector<model_cache> caches;                                            ///< that are left

  /// Notes do not count.
  bool sound() const;
};

struct options {
  std::filesystem::path folder;
  bool repair = false;
  std::uint32_t vocabulary = any_token;  ///< a token that is below neither it nor that of a model served here is damage
  std::string drop_cache;                ///< the id of a cache that goes before anything is looked at
  /// Told now and then what is being looked at, and how much of how much.
  std::function<void(const std::string& what, std::uint64_t done, std::uint64_t all)> progress;
};

/// Blocks until all of the folder was read. Without `repair` nothing in it changes but `lock` and what SQLite keeps in
/// `-shm`. With it, a folder in which something was found is read a second time, and what was found both times is
/// repaired. Throws open_error if it is not a store, another process has it, or it has no such cache to drop.
report check(const options& wanted);

}  // namespace chromatin::io::fsck
