#pragma once

/// The tables of registry.sqlite (docs/formats.md), how an earlier format becomes this one, and the checksums of rows.

#include "io/archive_store.hpp"
#include "io/registry_store.hpp"
#include "io/sqlite.hpp"

namespace chromatin::io::registry_format {

inline constexpr std::int64_t version = 8;

/// Makes the tables, or brings those of an earlier format up to date, in one transaction: after a crash the file has
/// the earlier format or this one. Looks at the columns that are there and not only at the format's number, because
/// earlier programs wrote the two apart. Throws sqlite_error, open_error for a newer format.
void prepare(database& db, const std::filesystem::path& file);

/// What a row of `conversations` says.
struct conversation_row {
  std::int64_t version = 0, messages = 0, tokens = 0, cuts = 0;
  std::string last_role;
  std::vector<std::byte> kept, parent;
  std::int64_t kept_tokens = 0, settled = 0, keep = 0;
};

/// Checksums are the low halves of XXH3-128. That of a row covers every value in it, and its place.
std::int64_t checksum(const conversation_key& key, const conversation_row& row);
std::int64_t checksum(std::int64_t part, std::span<const std::byte> tokens);
std::int64_t checksum(std::int64_t number, const kv::cut& cut);
std::int64_t checksum(std::int64_t number, const stored_message& message);
std::int64_t checksum(const std::string& tenant, const std::string& name, const conversation_point& point);
std::int64_t checksum(const conversation_key& key, const conversation_label& label);
std::int64_t checksum(const conversation_key& key, const archive_key& secret);
std::int64_t checksum(const served_model& model);
std::int64_t checksum(const archive_job& job);

/// How a row keeps several names: a line each.
std::string lines(std::span<const std::string> names);

/// The columns of `conversations` in the order in which `read_row` wants them; the checksum is the last.
inline constexpr const char* conversation_columns =
    "version, messages, tokens, cuts, last_role, kept, parent, kept_tokens, settled, keep, checksum";
/// Reads those columns, the first of them at `column`.
conversation_row read_row(const statement& from, int column);

}  // namespace chromatin::io::registry_format
