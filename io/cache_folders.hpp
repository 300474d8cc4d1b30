#pragma once

/// The caches of several models in one store folder. Each has a catalogue and segments of its own: that of the folder's
/// first model lies in the folder itself, the others in `cache-…` beside its segments. Who changes one holds the
/// folder's lock. Errors of a database are thrown as sqlite_error.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::io {

struct model_cache {
  std::filesystem::path folder;  ///< with the catalogue and the segments
  kv::fingerprint model;         ///< of the cache: model, element type, kind of weights
  std::string name;              ///< of all that, for people; empty where an earlier program made it
  std::int64_t served_s = 0;     ///< when a server opened it last, in Unix time; 0: nobody knows
  std::int64_t chunks = 0;
  std::uint64_t bytes = 0;  ///< that the segments take of the disk

  /// A short name that people can type.
  std::string id() const;
  /// `name (id)`, without what would move a terminal's cursor.
  std::string shown() const;
};

/// Whether a folder with this name is a cache's.
bool is_cache_folder(const std::string& name);

/// The folders in which caches are or were: the store itself, then the others by name.
std::vector<std::filesystem::path> cache_folders(const std::filesystem::path& store);

/// Every cache whose description can be read.
std::vector<model_cache> caches_in(const std::filesystem::path& store);

/// Where this model's cache is, or is to be made.
std::filesystem::path cache_folder(const std::filesystem::path& store, kv::fingerprint model);

/// Gives the room of slots without a chunk back to the file system, where that can. The files stay as long as they are:
/// open_segments() sets the room aside again. Answers with the bytes that they take then.
std::uint64_t give_back_room(const model_cache& cache);

/// Takes chunks out of the catalogue, and their bytes off the disk.
void erase_chunks(const model_cache& cache, std::span<const kv::chunk_key> keys);

/// Deletes catalogue and segments.
void drop_cache(const model_cache& cache);

}  // namespace chromatin::io
