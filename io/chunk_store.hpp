#pragma once

/// One model's chunks in a store folder: which chunk is in which slot of the segment files. docs/formats.md has the
/// layout, io/cache_folders.hpp what other models have there.
///
/// The order that survives a crash at any moment: a chunk's bytes are written and synced, then its row is committed; a
/// chunk's row is deleted and that is committed, then its slot may be written again (io/group_commit.hpp). Many rows
/// share a transaction.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/device.hpp"
#include "io/segments.hpp"
#include "io/sqlite.hpp"
#include "io/store_folder.hpp"
#include "kv/chunk.hpp"

namespace chromatin::io {

struct chunk_store_options {
  std::filesystem::path folder;  ///< the store
  std::uint64_t bytes_max = 0;   ///< of all segment files
  kv::geometry geometry;
  kv::fingerprint model;      ///< of the cache: model and element type
  std::string name{};         ///< of both, for people
  std::int64_t served_s = 0;  ///< the time now, in Unix time
};

/// A row of the catalogue.
struct stored_chunk {
  kv::chunk_key key;
  std::uint32_t slot = 0;
  std::uint32_t depth = 0;
  std::uint32_t fill = 0;                ///< token slots that are filled; the chunk is stored in its packed form
  std::vector<std::uint64_t> checksums;  ///< one per layer, of the packed slice
};

/// What an eviction policy learned, kept under its name.
struct learned_policy {
  std::string name;
  std::vector<std::byte> bytes;
};

/// One durable change of the catalogue: rows are removed first, then added, then marked as used just now, in order.
struct catalog_change {
  std::vector<stored_chunk> added;
  std::vector<kv::chunk_key> removed;
  std::vector<kv::chunk_key> used;
  std::optional<learned_policy> learned = {};
};

/// Where chunks are in segment files; arithmetic only. A slot has room for a whole chunk.
struct slot_layout {
  std::uint64_t chunk_bytes = 0;
  std::uint32_t slots_per_segment = 0;
  std::uint32_t slots = 0;

  /// The layout of a new store: segments of 256 MiB, or as much larger as keeps them to 256 files.
  static slot_layout of(std::uint64_t bytes_max, std::uint64_t chunk_bytes);
  extent at(std::uint32_t slot, std::uint64_t offset_bytes = 0) const;
  std::vector<std::uint64_t> segment_sizes_bytes() const;
};

/// The catalogue. Blocking; one thread at a time.
class chunk_store {
 public:
  /// Opens or makes the folder and takes its lock. Other models' caches there stay as they are. Throws open_error for a
  /// cache of another shape or a newer format, a folder in use by another process, or not writable. Chunks of an older
  /// format are dropped. A damaged catalogue is put aside and the store starts empty. `notices()` says so.
  explicit chunk_store(const chunk_store_options& options);
  ~chunk_store();

  const slot_layout& layout() const { return layout_; }
  /// With this model's catalogue and segments.
  const std::filesystem::path& folder() const { return folder_; }
  const std::vector<std::string>& notices() const { return notices_; }
  /// Every chunk that was acknowledged, least recently used first. Rows with impossible values are dropped. Throws
  /// sqlite_error for what is not damage: a disk that is full or fails.
  std::vector<stored_chunk> load();
  /// What a policy of this name learned; nothing if none did.
  std::vector<std::byte> learned(const std::string& policy);
  /// One transaction. Throws sqlite_error, and nothing is changed; if that was damage, the catalogue is put aside, and
  /// the next change goes into a new one.
  void commit(const catalog_change& change);

 private:
  void find_folder();
  void open_or_put_aside();
  void put_aside();
  void open_catalog();
  void check_meta();
  std::string meta(const char* name, const std::string& if_new);
  void set_meta(const char* name, const std::string& value);
  std::vector<stored_chunk> read_rows();

  chunk_store_options options_;
  std::filesystem::path folder_;
  slot_layout layout_;
  std::vector<std::string> notices_;
  std::optional<folder_lock> lock_;
  std::unique_ptr<database> db_;
  std::int64_t use_ = 0;  ///< counts uses; higher is later
};

}  // namespace chromatin::io
