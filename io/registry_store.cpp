#include "io/registry_store.hpp"

#include <fmt/format.h>

#include "io/device.hpp"

namespace chromatin::io {
namespace {

constexpr std::int64_t format_version = 2;

constexpr const char* tables = R"(
CREATE TABLE IF NOT EXISTS tenants (tenant TEXT PRIMARY KEY, salt BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS conversations (tenant TEXT, id TEXT, version INTEGER NOT NULL, messages INTEGER NOT NULL,
  last_role TEXT NOT NULL, kept BLOB NOT NULL, kept_tokens INTEGER NOT NULL, parent BLOB NOT NULL, settled INTEGER NOT NULL,
  keep INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (tenant, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (tenant TEXT, id TEXT, part INTEGER, tokens BLOB NOT NULL,
  PRIMARY KEY (tenant, id, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (tenant TEXT, id TEXT, number INTEGER, role TEXT NOT NULL, content TEXT NOT NULL,
  PRIMARY KEY (tenant, id, number)) WITHOUT ROWID;
)";

kv::hash128 hash_in(std::span<const std::byte> blob) {
  auto values = list_of<kv::hash128>(blob);
  if (values.size() != 1) throw sqlite_error("a hash in the registry has an impossible length", true);
  return values[0];
}

}  // namespace

registry_store::registry_store(const std::filesystem::path& folder) try {
  if (!folder.empty()) std::filesystem::create_directories(folder);
  auto file = folder.empty() ? std::filesystem::path{":memory:"} : folder / "registry.sqlite";
  db_ = std::make_unique<database>(file);
  statement get{*db_, "PRAGMA user_version"};
  get.step();
  if (get.integer(0) > format_version)
    throw open_error(fmt::format("{}: made by a newer chromatin (format {}, this one knows {})", file.string(),
                                 get.integer(0), format_version));
  auto before = get.integer(0);
  get.reset();
  db_->execute(tables);
  if (before == 1) db_->execute("ALTER TABLE conversations ADD COLUMN keep INTEGER NOT NULL DEFAULT 0");
  db_->execute(fmt::format("PRAGMA user_version = {}", format_version).c_str());
} catch (const sqlite_error& e) {
  throw open_error(fmt::format("{}: the registry cannot be opened: {}", folder.string(), e.what()));
} catch (const std::filesystem::filesystem_error& e) {
  throw open_error(fmt::format("{}: {}", folder.string(), e.code().message()));
}

kv::hash128 registry_store::tenant_salt(const std::string& tenant, kv::hash128 fresh) {
  statement add{*db_, "INSERT OR IGNORE INTO tenants VALUES (?, ?)"};
  add.bind(tenant, blob_of(fresh)).run();
  statement get{*db_, "SELECT salt FROM tenants WHERE tenant = ?"};
  get.bind(tenant).step();
  return hash_in(get.blob(0));
}

std::optional<conversation_record> registry_store::load(const conversation_key& key) {
  statement get{*db_,
                "SELECT version, messages, last_role, kept, kept_tokens, parent, settled, keep FROM conversations "
                "WHERE tenant = ? AND id = ?"};
  if (!get.bind(key.tenant, key.id).step()) return {};
  conversation_record r;
  r.version = static_cast<std::uint64_t>(get.integer(0));
  r.messages = static_cast<std::uint32_t>(get.integer(1));
  r.last_role = get.text(2);
  r.window.kept = list_of<kv::chunk_key>(get.blob(3));
  r.window.kept_tokens = static_cast<std::uint32_t>(get.integer(4));
  r.window.root = hash_in(get.blob(5));
  r.window.settled = static_cast<std::uint32_t>(get.integer(6));
  r.window.keep = static_cast<std::uint32_t>(get.integer(7));
  statement parts{*db_, "SELECT tokens FROM tokens WHERE tenant = ? AND id = ? ORDER BY part"};
  parts.bind(key.tenant, key.id);
  while (parts.step()) {
    auto tokens = list_of<kv::token_id>(parts.blob(0));
    r.window.tokens.insert(r.window.tokens.end(), tokens.begin(), tokens.end());
  }
  return r;
}

conversation_record registry_store::create(const conversation_key& key, const kv::lineage& window,
                                           const std::string& system_prompt) {
  transaction all{*db_};
  statement add{*db_, "INSERT INTO conversations VALUES (?, ?, 1, 0, '', ?, ?, ?, ?, ?)"};
  add.bind(key.tenant, key.id, blob_of(window.kept), std::int64_t{window.kept_tokens}, blob_of(window.root),
           std::int64_t{window.settled}, std::int64_t{window.keep})
      .run();
  put_window(key, window);
  if (!system_prompt.empty()) add_message(key, {"system", system_prompt, {}});
  all.commit();
  return *load(key);
}

void registry_store::put_window(const conversation_key& key, const kv::lineage& window) {
  statement set{*db_,
                "UPDATE conversations SET kept = ?3, kept_tokens = ?4, parent = ?5 WHERE tenant = ?1 AND id = ?2"};
  set.bind(key.tenant, key.id, blob_of(window.kept), std::int64_t{window.kept_tokens}, blob_of(window.root)).run();
  statement clear{*db_, "DELETE FROM tokens WHERE tenant = ? AND id = ?"};
  clear.bind(key.tenant, key.id).run();
  statement put{*db_, "INSERT INTO tokens VALUES (?, ?, 0, ?)"};
  put.bind(key.tenant, key.id, blob_of(window.tokens)).run();
}

void registry_store::bump(const conversation_key& key, std::uint64_t expected_version, std::uint32_t settled) {
  statement set{
      *db_,
      "UPDATE conversations SET version = version + 1, settled = ? WHERE tenant = ? AND id = ? AND version = ? "
      "RETURNING version"};
  if (!set.bind(std::int64_t{settled}, key.tenant, key.id, static_cast<std::int64_t>(expected_version)).step())
    throw version_conflict("the conversation changed meanwhile");
  set.run();
}

void registry_store::append(const conversation_key& key, std::uint64_t expected_version,
                            const appended_message& message, std::uint32_t settled) {
  transaction all{*db_};
  bump(key, expected_version, settled);
  statement add_tokens{
      *db_,
      "INSERT INTO tokens SELECT ?1, ?2, coalesce(max(part), 0) + 1, ?3 FROM tokens WHERE tenant = ?1 AND id = ?2"};
  add_tokens.bind(key.tenant, key.id, blob_of(message.tokens)).run();
  add_message(key, message);
  all.commit();
}

void registry_store::append(const conversation_key& key, std::uint64_t expected_version,
                            const appended_message& message, const kv::lineage& window) {
  transaction all{*db_};
  bump(key, expected_version, window.settled);
  put_window(key, window);
  add_message(key, message);
  all.commit();
}

void registry_store::add_message(const conversation_key& key, const appended_message& message) {
  statement add{
      *db_, "INSERT INTO messages SELECT ?1, ?2, messages, ?3, ?4 FROM conversations WHERE tenant = ?1 AND id = ?2"};
  add.bind(key.tenant, key.id, message.role, message.content).run();
  statement count{*db_,
                  "UPDATE conversations SET messages = messages + 1, last_role = ?3 WHERE tenant = ?1 AND id = ?2"};
  count.bind(key.tenant, key.id, message.role).run();
}

void registry_store::replace_window(const conversation_key& key, std::uint64_t expected_version,
                                    const kv::lineage& window) {
  transaction all{*db_};
  bump(key, expected_version, window.settled);
  put_window(key, window);
  all.commit();
}

bool registry_store::fork(const conversation_key& key, const std::string& new_id) {
  if (load({key.tenant, new_id})) return false;
  transaction all{*db_};
  for (auto sql :
       {"INSERT INTO conversations SELECT tenant, ?3, 1, messages, last_role, kept, kept_tokens, parent, settled, keep "
        "FROM conversations WHERE tenant = ?1 AND id = ?2",
        "INSERT INTO tokens SELECT tenant, ?3, part, tokens FROM tokens WHERE tenant = ?1 AND id = ?2",
        "INSERT INTO messages SELECT tenant, ?3, number, role, content FROM messages WHERE tenant = ?1 AND id = ?2"}) {
    statement copy{*db_, sql};
    copy.bind(key.tenant, key.id, new_id).run();
  }
  all.commit();
  return true;
}

void registry_store::forget(const conversation_key& key) {
  transaction all{*db_};
  for (auto sql :
       {"DELETE FROM conversations WHERE tenant = ? AND id = ?", "DELETE FROM tokens WHERE tenant = ? AND id = ?",
        "DELETE FROM messages WHERE tenant = ? AND id = ?"}) {
    statement remove{*db_, sql};
    remove.bind(key.tenant, key.id).run();
  }
  all.commit();
}

std::int64_t registry_store::conversations() {
  statement count{*db_, "SELECT count(*) FROM conversations"};
  count.step();
  return count.integer(0);
}

}  // namespace chromatin::io
