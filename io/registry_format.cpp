#include "io/registry_format.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "io/device.hpp"

namespace chromatin::io::registry_format {
namespace {

constexpr const char* tables = R"(
CREATE TABLE IF NOT EXISTS tenants (tenant TEXT PRIMARY KEY, salt BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS conversations (tenant TEXT, id TEXT, version INTEGER NOT NULL, messages INTEGER NOT NULL,
  last_role TEXT NOT NULL, kept BLOB NOT NULL, kept_tokens INTEGER NOT NULL, parent BLOB NOT NULL, settled INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (tenant TEXT, id TEXT, part INTEGER, tokens BLOB NOT NULL,
  PRIMARY KEY (tenant, id, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (tenant TEXT, id TEXT, number INTEGER, role TEXT NOT NULL, content TEXT NOT NULL,
  PRIMARY KEY (tenant, id, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cuts (tenant TEXT, id TEXT, number INTEGER, first_chunk INTEGER NOT NULL,
  at_tokens INTEGER NOT NULL, dropped BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (tenant, id, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunks (tenant TEXT, key BLOB, id TEXT, PRIMARY KEY (tenant, key, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS chunks_of ON chunks (tenant, id);
CREATE TABLE IF NOT EXISTS points (tenant TEXT, name TEXT, id TEXT NOT NULL, messages INTEGER NOT NULL, note TEXT NOT NULL,
  checksum INTEGER NOT NULL, PRIMARY KEY (tenant, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS points_of ON points (tenant, id);
CREATE TABLE IF NOT EXISTS models (cache BLOB PRIMARY KEY, source BLOB NOT NULL, name TEXT NOT NULL, vocabulary INTEGER NOT NULL,
  checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labels (tenant TEXT, id TEXT, created INTEGER NOT NULL, metadata TEXT NOT NULL,
  checksum INTEGER NOT NULL, PRIMARY KEY (tenant, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS archive_keys (tenant TEXT, id TEXT, name BLOB NOT NULL, secret BLOB NOT NULL,
  checksum INTEGER NOT NULL, PRIMARY KEY (tenant, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS archive_jobs (number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, id TEXT NOT NULL,
  state TEXT NOT NULL, version INTEGER NOT NULL, tube TEXT NOT NULL, commit_number INTEGER NOT NULL, synthesis TEXT NOT NULL,
  sequencing TEXT NOT NULL, reads INTEGER NOT NULL, missing BLOB NOT NULL, reads_more INTEGER NOT NULL, failure TEXT NOT NULL,
  content BLOB NOT NULL, changed INTEGER NOT NULL, checksum INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS archive_jobs_of ON archive_jobs (tenant, id);
)";

struct column {
  const char *table, *name, *declaration;
};
/// What the tables above have got since the first format, in order.
constexpr column later_columns[] = {
    {"conversations", "keep", "INTEGER NOT NULL DEFAULT 0"},  // format 2
    {"conversations", "tokens", "INTEGER NOT NULL DEFAULT 0"},
    {"conversations", "cuts", "INTEGER NOT NULL DEFAULT 0"},
    {"conversations", "checksum", "INTEGER"},
    {"tokens", "checksum", "INTEGER"},
    {"messages", "tokens", "BLOB"},
    {"messages", "chain", "BLOB"},
    {"messages", "checksum", "INTEGER"},
    {"conversations", "used", "INTEGER NOT NULL DEFAULT 0"},       // format 4
    {"archive_jobs", "reads_last", "INTEGER NOT NULL DEFAULT 0"},  // format 6
    {"archive_jobs", "kv", "INTEGER NOT NULL DEFAULT 0"},          // format 8
    {"archive_jobs", "note", "TEXT NOT NULL DEFAULT ''"},
};

/// Bytes of several values, each with its length, so that no two lists of values look alike.
class byte_list {
 public:
  byte_list& add(std::int64_t value) { return put(blob_of(value)); }
  byte_list& add(std::string_view text) { return add(std::as_bytes(std::span{text})); }
  byte_list& add(std::span<const std::byte> bytes) {
    add(static_cast<std::int64_t>(bytes.size()));
    return put(bytes);
  }
  std::int64_t checksum() const { return static_cast<std::int64_t>(kv::hash(std::as_bytes(std::span{bytes_})).low); }

 private:
  byte_list& put(std::span<const std::byte> bytes) {
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return *this;
  }
  std::string bytes_;
};

std::int64_t format_of(database& db) {
  statement get{db, "PRAGMA user_version"};
  get.step();
  return get.integer(0);
}

void add_missing_columns(database& db) {
  for (const auto& c : later_columns) {
    statement find{db, "SELECT 1 FROM pragma_table_info(?) WHERE name = ?"};
    if (!find.bind(c.table, c.name).step())
      db.execute(fmt::format("ALTER TABLE {} ADD COLUMN {} {}", c.table, c.name, c.declaration).c_str());
  }
  db.execute("CREATE INDEX IF NOT EXISTS messages_chain ON messages (tenant, chain)");
  db.execute("CREATE INDEX IF NOT EXISTS conversations_used ON conversations (tenant, used)");
}

/// The parts of a window before this format: the first has what was there when the window was last replaced, each of
/// the others what one message added.
std::vector<std::vector<std::byte>> seal_parts(database& db, const conversation_key& key) {
  std::vector<std::vector<std::byte>> parts;
  statement get{db, "SELECT part, tokens FROM tokens WHERE tenant = ? AND id = ? ORDER BY part"};
  statement set{db, "UPDATE tokens SET checksum = ?4 WHERE tenant = ?1 AND id = ?2 AND part = ?3"};
  std::vector<std::int64_t> numbers;
  get.bind(key.tenant, key.id);
  while (get.step()) {
    auto blob = get.blob(1);
    numbers.push_back(get.integer(0));
    parts.emplace_back(blob.begin(), blob.end());
  }
  for (std::size_t i = 0; i < parts.size(); ++i)
    set.bind(key.tenant, key.id, numbers[i], checksum(numbers[i], parts[i])).run();
  return parts;
}

void seal_messages(database& db, const conversation_key& key, std::int64_t count,
                   std::span<const std::vector<std::byte>> parts) {
  auto known = std::min<std::int64_t>(count, parts.empty() ? 0 : static_cast<std::int64_t>(parts.size()) - 1);
  statement get{db, "SELECT role, content FROM messages WHERE tenant = ? AND id = ? AND number = ?"};
  statement set{
      db, "UPDATE messages SET tokens = ?4, chain = ?5, checksum = ?6 WHERE tenant = ?1 AND id = ?2 AND number = ?3"};
  kv::hash128 chain;
  for (std::int64_t number = 0; number < count; ++number) {
    if (!get.bind(key.tenant, key.id, number).step()) return;
    stored_message m{get.text(0), get.text(1), {}};
    std::optional<std::span<const std::byte>> tokens;
    if (auto from_end = count - number; from_end <= known) {
      tokens = parts[parts.size() - static_cast<std::size_t>(from_end)];
      m.tokens = list_of<kv::token_id>(*tokens);
    }
    chain = next_message_hash(chain, m.role, m.content);
    set.bind(key.tenant, key.id, number, tokens, blob_of(chain), checksum(number, m)).run();
  }
}

/// What tiers may hold of a window of an earlier format.
std::vector<kv::chunk_key> chunks_of(const conversation_row& row, std::span<const std::vector<std::byte>> parts) {
  if (!row.kept.empty()) return list_of<kv::chunk_key>(row.kept);
  auto root = list_of<kv::chunk_key>(row.parent);
  if (root.size() != 1) throw sqlite_error("a hash in the registry has an impossible length", true);
  kv::lineage window{.root = root[0]};
  for (const auto& part : parts) {
    auto tokens = list_of<kv::token_id>(part);
    window.tokens.insert(window.tokens.end(), tokens.begin(), tokens.end());
  }
  auto settled = std::min<std::size_t>(static_cast<std::size_t>(row.settled), window.tokens.size());
  std::vector<kv::chunk_key> keys;
  for (const auto& link : kv::chain(window, static_cast<std::uint32_t>(settled))) keys.push_back(link.key);
  return keys;
}

/// Before this format a truncated window did not know what it had dropped, so its chunks cannot be computed again as
/// they were: it goes on as a window of its own, with nothing of it computed. Its root is filled in by who knows it.
void forget_truncation(conversation_row& row) {
  if (row.kept_tokens == 0 && row.kept.empty()) return;
  row.kept.clear();
  row.kept_tokens = row.settled = 0;
  row.parent.assign(sizeof(kv::hash128), std::byte{0});
}

void seal_conversation(database& db, const conversation_key& key, conversation_row row) {
  auto parts = seal_parts(db, key);
  std::size_t bytes = 0;
  for (const auto& part : parts) bytes += part.size();
  row.tokens = static_cast<std::int64_t>(bytes / sizeof(kv::token_id));
  try {
    seal_messages(db, key, row.messages, parts);
    statement add{db, "INSERT OR IGNORE INTO chunks VALUES (?, ?, ?)"};
    for (auto chunk : chunks_of(row, parts)) add.bind(key.tenant, blob_of(chunk), key.id).run();
  } catch (const sqlite_error& e) {
    if (!e.damaged) throw;
    return;  // without a checksum it counts as damaged, and an error says so when it is opened
  }
  forget_truncation(row);
  statement set{db,
                "UPDATE conversations SET tokens = ?3, kept = ?4, kept_tokens = ?5, parent = ?6, settled = ?7, "
                "checksum = ?8 WHERE tenant = ?1 AND id = ?2"};
  set.bind(key.tenant, key.id, row.tokens, std::span<const std::byte>{row.kept}, row.kept_tokens,
           std::span<const std::byte>{row.parent}, row.settled, checksum(key, row))
      .run();
}

void seal_all(database& db) {
  std::vector<std::pair<conversation_key, conversation_row>> rows;
  statement get{db, fmt::format("SELECT tenant, id, {} FROM conversations", conversation_columns)};
  while (get.step())
    if (get.is_null(2 + 10)) rows.push_back({{get.text(0), get.text(1)}, read_row(get, 2)});
  for (auto& [key, row] : rows) seal_conversation(db, key, std::move(row));
}

/// Before this format the hashes were of whole contents.
constexpr std::int64_t whole_contents_until = 5;
void hash_messages_again(database& db) {
  statement get{db, "SELECT tenant, id, number, role, content FROM messages ORDER BY tenant, id, number"};
  statement set{db, "UPDATE messages SET chain = ?4 WHERE tenant = ?1 AND id = ?2 AND number = ?3"};
  conversation_key of;
  kv::hash128 chain;
  while (get.step()) {
    conversation_key key{get.text(0), get.text(1)};
    if (key != of) chain = {};
    of = key;
    chain = next_message_hash(chain, get.text(3), get.text(4));
    set.bind(key.tenant, key.id, get.integer(2), blob_of(chain)).run();
  }
}

}  // namespace

void prepare(database& db, const std::filesystem::path& file) {
  transaction all{db};
  auto before = format_of(db);
  if (before > version)
    throw open_error(
        fmt::format("{}: made by a newer chromatin (format {}, this one knows {})", file.string(), before, version));
  db.execute(tables);
  add_missing_columns(db);
  if (before < version) seal_all(db);
  if (before < whole_contents_until) hash_messages_again(db);
  db.execute(fmt::format("PRAGMA user_version = {}", version).c_str());
  all.commit();
}

conversation_row read_row(const statement& from, int column) {
  conversation_row row;
  auto bytes = [&](int at) {
    auto blob = from.blob(column + at);
    return std::vector<std::byte>{blob.begin(), blob.end()};
  };
  row.version = from.integer(column);
  row.messages = from.integer(column + 1);
  row.tokens = from.integer(column + 2);
  row.cuts = from.integer(column + 3);
  row.last_role = from.text(column + 4);
  row.kept = bytes(5);
  row.parent = bytes(6);
  row.kept_tokens = from.integer(column + 7);
  row.settled = from.integer(column + 8);
  row.keep = from.integer(column + 9);
  return row;
}

std::int64_t checksum(const conversation_key& key, const conversation_row& row) {
  return byte_list{}
      .add(key.tenant)
      .add(key.id)
      .add(row.version)
      .add(row.messages)
      .add(row.tokens)
      .add(row.cuts)
      .add(row.last_role)
      .add(row.kept)
      .add(row.parent)
      .add(row.kept_tokens)
      .add(row.settled)
      .add(row.keep)
      .checksum();
}

std::int64_t checksum(std::int64_t part, std::span<const std::byte> tokens) {
  return byte_list{}.add(part).add(tokens).checksum();
}

std::int64_t checksum(std::int64_t number, const kv::cut& cut) {
  return byte_list{}
      .add(number)
      .add(std::int64_t{cut.first_chunk})
      .add(std::int64_t{cut.at_tokens})
      .add(blob_of(cut.dropped))
      .checksum();
}

std::int64_t checksum(std::int64_t number, const stored_message& message) {
  byte_list bytes;
  bytes.add(number).add(message.role).add(message.content);
  if (message.tokens) bytes.add(blob_of(*message.tokens));
  return bytes.checksum();
}

std::int64_t checksum(const std::string& tenant, const std::string& name, const conversation_point& point) {
  return byte_list{}.add(tenant).add(name).add(point.id).add(std::int64_t{point.messages}).add(point.note).checksum();
}

std::int64_t checksum(const served_model& model) {
  return byte_list{}
      .add(blob_of(model.cache))
      .add(blob_of(model.source))
      .add(model.name)
      .add(std::int64_t{model.vocabulary})
      .checksum();
}

std::int64_t checksum(const conversation_key& key, const conversation_label& label) {
  return byte_list{}.add(key.tenant).add(key.id).add(label.created_s).add(label.metadata).checksum();
}

std::string lines(std::span<const std::string> names) {
  std::string all;
  for (const auto& name : names) all.append(all.empty() ? "" : "\n").append(name);
  return all;
}

std::int64_t checksum(const conversation_key& key, const archive_key& secret) {
  return byte_list{}
      .add(key.tenant)
      .add(key.id)
      .add(std::span<const std::byte>{secret.name})
      .add(std::span<const std::byte>{secret.secret})
      .checksum();
}

std::int64_t checksum(const archive_job& job) {
  byte_list all;
  all.add(static_cast<std::int64_t>(job.number))
      .add(job.tenant)
      .add(job.id)
      .add(std::string_view{to_string(job.state)})
      .add(static_cast<std::int64_t>(job.version))
      .add(job.tube)
      .add(std::int64_t{job.commit})
      .add(job.synthesis)
      .add(lines(job.sequencing))
      .add(static_cast<std::int64_t>(job.reads))
      .add(blob_of(job.missing))
      .add(static_cast<std::int64_t>(job.reads_more))
      .add(job.failure)
      .add(std::span<const std::byte>{job.content})
      .add(job.changed_s)
      .add(static_cast<std::int64_t>(job.reads_last));
  if (job.kv || !job.note.empty()) all.add(std::int64_t{job.kv}).add(job.note);  // others are as in formats 6 and 7
  return all.checksum();
}

}  // namespace chromatin::io::registry_format
