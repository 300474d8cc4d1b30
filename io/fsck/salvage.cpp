/// What SQLite can still read of a damaged registry, in a file of its own.

#include <array>

#include <fmt/format.h>
#include <unistd.h>

#include "io/fsck/parts.hpp"
#include "io/registry_format.hpp"
#include "io/store_folder.hpp"

namespace chromatin::io::fsck {
namespace {

struct table {
  const char *name, *key, *columns;
};
constexpr std::array<table, 11> tables{{
    {"tenants", "tenant", "tenant, salt"},
    {"conversations", "tenant {0}, id",
     "tenant, id, version, messages, tokens, cuts, last_role, kept, parent, kept_tokens, settled, keep, checksum, "
     "used"},
    {"tokens", "tenant {0}, id {0}, part", "tenant, id, part, tokens, checksum"},
    {"messages", "tenant {0}, id {0}, number", "tenant, id, number, role, content, tokens, chain, checksum"},
    {"cuts", "tenant {0}, id {0}, number", "tenant, id, number, first_chunk, at_tokens, dropped, checksum"},
    {"chunks", "tenant {0}, key {0}, id", "tenant, key, id"},
    {"points", "tenant {0}, name", "tenant, name, id, messages, note, checksum"},
    {"models", "cache", "cache, source, name, vocabulary, checksum"},
    {"labels", "tenant {0}, id", "tenant, id, created, metadata, checksum"},
    {"archive_keys", "tenant {0}, id", "tenant, id, name, secret, checksum"},
    {"archive_jobs", "number",
     "number, tenant, id, state, version, tube, commit_number, synthesis, sequencing, reads, missing, reads_more, "
     "failure, content, changed, reads_last, checksum, kv, note"},
}};

std::string marks(std::string_view columns) {
  std::string result = "?";
  for (char c : columns)
    if (c == ',') result += ", ?";
  return result;
}

/// Rows in this order up to the first that cannot be read; true if that was the end. A row that the new file does not
/// take (without a value that it must have, there already) is left out.
bool copy_rows(database& from, database& to, const table& t, const char* order) {
  statement put{to, fmt::format("INSERT OR IGNORE INTO {} ({}) VALUES ({})", t.name, t.columns, marks(t.columns))};
  try {
    statement get{from, fmt::format("SELECT {} FROM {} ORDER BY {} {}", t.columns, t.name,
                                    fmt::format(fmt::runtime(t.key), order), order)};
    while (get.step()) put.bind_row(get).run();
    return true;
  } catch (const sqlite_error& e) {
    if (!e.damaged) throw;
    return false;
  }
}

/// A changed letter in what the file says of a table hides all of its rows: it is told what a new file says. The change
/// is never committed. A table whose name was changed is the only one that the new file does not know.
void mend_descriptions(database& from, database& to) {
  from.execute("BEGIN");
  from.execute("PRAGMA writable_schema = ON");  // else nothing can be asked of a description that makes no sense
  statement of_new{to, "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"};
  statement known{from, "SELECT 1 FROM sqlite_master WHERE type = ? AND name = ?"};
  statement mend{from, "UPDATE sqlite_master SET tbl_name = ?3, sql = ?4 WHERE type = ?1 AND name = ?2"};
  statement stray{from,
                  "SELECT rowid FROM sqlite_master WHERE type = ? AND name NOT IN (SELECT value FROM json_each(?))"};
  statement rename{from, "UPDATE sqlite_master SET name = ?2, tbl_name = ?3, sql = ?4 WHERE rowid = ?1"};
  statement names{to, "SELECT json_group_array(name) FROM sqlite_master"};
  auto all = names.step() ? names.text(0) : std::string{"[]"};
  while (of_new.step()) {
    auto type = of_new.text(0), name = of_new.text(1), table = of_new.text(2), sql = of_new.text(3);
    if (known.bind(type, name).step())
      mend.bind(type, name, table, sql).run();
    else if (stray.bind(type, all).step())
      rename.bind(stray.integer(0), name, table, sql).run();
    known.reset();
    stray.reset();
  }
  from.execute("PRAGMA writable_schema = RESET");
}

void copy_all(database& from, database& to) {
  for (const auto& t : tables) {
    transaction all{to};
    if (!copy_rows(from, to, t, "ASC")) copy_rows(from, to, t, "DESC");  // from both ends up to what is damaged
    all.commit();
  }
}

}  // namespace

std::string salvage_registry(const std::filesystem::path& folder) {
  auto old_file = folder / "registry.sqlite", new_file = folder / "registry.sqlite.new";
  for (auto beside : {"", "-wal", "-shm"}) std::filesystem::remove(new_file.string() + beside);
  {
    database to{new_file};
    registry_format::prepare(to, new_file);
    try {
      database from{old_file, open_mode::look};
      mend_descriptions(from, to);
      copy_all(from, to);
      from.execute("ROLLBACK");
    } catch (const sqlite_error& e) {
      if (!e.damaged) throw;  // not even its tables are known: nothing can be read
    }
    to.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  return put_aside(folder, "registry.sqlite", new_file);
}

}  // namespace chromatin::io::fsck
