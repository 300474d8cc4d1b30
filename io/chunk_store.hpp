#pragma once

/// The disk folder of one model's chunks: which chunk stands in which slot of the segment files. docs/formats.md has
/// the layout.
///
/// The order that survives a crash at any moment: a chunk's bytes are written and synced, then its row is committed; a
/// chunk's row is deleted and that is committed, then its slot may be written again. Group commit: many rows in one
/// transaction.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/device.hpp"
#include "io/segments.hpp"
#include "io/sqlite.hpp"
#include "kv/chunk.hpp"

namespace chromatin::io {

struct chunk_store_options {
  std::filesystem::path folder;
  std::uint64_t bytes_max = 0;  ///< of all segment files
  kv::geometry geometry;
  kv::fingerprint model;  ///< of the cache: model and element type
};

/// A row of the catalogue.
struct stored_chunk {
  kv::chunk_key key;
  std::uint32_t slot = 0;
  std::uint32_t depth = 0;
  std::uint32_t fill = 0;
  std::vector<std::uint64_t> checksums;  ///< one per layer
};

/// Where chunks stand in segment files; arithmetic only.
struct slot_layout {
  std::uint64_t chunk_bytes = 0;
  std::uint32_t slots_per_segment = 0;
  std::uint32_t slots = 0;

  static slot_layout of(std::uint64_t bytes_max, std::uint64_t chunk_bytes);
  extent at(std::uint32_t slot, std::uint64_t offset_bytes = 0) const;
  std::vector<std::uint64_t> segment_sizes_bytes() const;
};

/// The catalogue. Blocking; one thread at a time.
class chunk_store {
 public:
  /// Opens or makes the folder and takes its lock. Throws open_error for a folder of another model, of a newer format,
  /// in use by another process, or not writable. A damaged catalogue is put aside and the store starts empty;
  /// `notices()` says so.
  explicit chunk_store(const chunk_store_options& options);
  ~chunk_store();

  const slot_layout& layout() const { return layout_; }
  const std::vector<std::string>& notices() const { return notices_; }
  /// Every chunk that was acknowledged, least recently used first.
  std::vector<stored_chunk> load();
  /// One transaction: removes rows, adds rows, marks chunks as used just now, in order. Throws sqlite_error.
  void commit(const std::vector<stored_chunk>& added, const std::vector<kv::chunk_key>& removed,
              const std::vector<kv::chunk_key>& used);

 private:
  void lock_folder();
  void open_catalog();
  void check_meta();

  chunk_store_options options_;
  slot_layout layout_;
  std::vector<std::string> notices_;
  file_descriptor lock_;
  std::unique_ptr<database> db_;
  std::int64_t use_ = 0;  ///< counts uses; higher is later
};

}  // namespace chromatin::io
