#pragma once

/// The tables of catalog.sqlite (docs/formats.md), and what may stand in them.

#include <optional>
#include <string>

#include "io/sqlite.hpp"
#include "kv/chunk.hpp"

namespace chromatin::io::catalog_format {

/// 1: whole chunks, checksums over whole slices. 2: packed chunks, checksums of pieces.
inline constexpr std::uint32_t version = 2;

inline constexpr const char* meta_table =
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID";
inline constexpr const char* chunks_table =
    "CREATE TABLE IF NOT EXISTS chunks (key BLOB PRIMARY KEY, slot INTEGER NOT NULL UNIQUE, depth INTEGER NOT NULL, "
    "fill INTEGER NOT NULL, checksums BLOB NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID";

/// What `meta` says of the store, but for its format and what is only for people (`name`, `served`).
struct description {
  std::string model, geometry, segment_slots;
};
/// A changed letter in the description would look like another model's folder.
std::string checksum(const description& of);

/// A geometry in words, and back; nothing if the words are not those of a geometry.
std::string to_words(const kv::geometry& shape);
std::optional<kv::geometry> geometry_of(const std::string& words);

/// A hash in hex, as kv::to_string writes it.
std::optional<kv::hash128> hash_of(const std::string& hex);

/// A value of `meta`; empty if there is none.
std::string meta(database& db, const char* name);

/// A whole number above zero; anything else is damage (sqlite_error).
std::uint32_t number_of(const std::string& name, const std::string& text);

/// `verb`, which is `DELETE FROM chunks` or the like, for the rows whose values are possible in a store of this shape
/// with so many slots, or for all others.
statement rows(database& db, const std::string& verb, bool possible, const kv::geometry& shape, std::uint32_t slots);

}  // namespace chromatin::io::catalog_format
