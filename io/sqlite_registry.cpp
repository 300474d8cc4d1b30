#include "io/sqlite_registry.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "io/store_folder.hpp"

namespace chromatin::io {

using registry_format::checksum;
using registry_format::conversation_columns;

sqlite_registry::sqlite_registry(const std::filesystem::path& folder, salt_source new_salts,
                                 std::uint32_t vocabulary) try
    : new_salts_{std::move(new_salts)}, vocabulary_{vocabulary} {
  if (!folder.empty()) make_private_folder(folder);
  auto file = folder.empty() ? std::filesystem::path{":memory:"} : folder / "registry.sqlite";
  db_ = std::make_unique<database>(file);
  db_->execute("PRAGMA secure_delete = ON");  // what is forgotten is overwritten in the file
  registry_format::prepare(*db_, file);
  archives_.emplace(*db_);
  widen_vocabulary();
  conversations();  // that it can be read at all is known at the start
  statement last{*db_, "SELECT coalesce(max(used), 0) FROM conversations"};
  if (last.step()) used_ = last.integer(0);
} catch (const sqlite_error& e) {
  throw open_error(fmt::format("{}: the registry cannot be opened: {}{}", folder.string(), e.what(),
                               e.damaged ? "; `chromatin fsck --repair` keeps what can be read of it" : ""));
}

sqlite_registry::sqlite_registry(std::unique_ptr<database> db, std::uint32_t vocabulary)
    : new_salts_{random_salts()}, vocabulary_{vocabulary}, db_{std::move(db)}, archives_{std::in_place, *db_} {
  widen_vocabulary();
}

kv::hash128 sqlite_registry::tenant_salt(const std::string& tenant) {
  statement get{*db_, "SELECT salt FROM tenants WHERE tenant = ?"};
  if (!get.bind(tenant).step()) {
    auto fresh = new_salts_(tenant);
    transaction all{*db_};
    statement{*db_, "INSERT INTO tenants VALUES (?, ?)"}.bind(tenant, blob_of(fresh)).run();
    all.commit();
    return fresh;
  }
  auto salt = list_of<kv::hash128>(get.blob(0));
  if (salt.size() != 1) throw sqlite_error("the salt of tenant " + tenant + " has an impossible length", true);
  return salt[0];
}

// -- models --

void sqlite_registry::note_model(const served_model& model) {
  transaction all{*db_};
  statement{*db_, "INSERT OR REPLACE INTO models (cache, source, name, vocabulary, checksum) VALUES (?, ?, ?, ?, ?)"}
      .bind(blob_of(model.cache), blob_of(model.source), model.name, std::int64_t{model.vocabulary}, checksum(model))
      .run();
  all.commit();
  vocabulary_ = std::max(vocabulary_, model.vocabulary);
}

std::vector<served_model> sqlite_registry::models() {
  std::vector<served_model> all;
  statement get{*db_, "SELECT cache, source, name, vocabulary, checksum FROM models"};
  while (get.step()) {
    auto cache = get.blob(0), source = get.blob(1);
    if (cache.size() != sizeof(kv::fingerprint) || source.size() != sizeof(kv::fingerprint)) continue;
    served_model model{list_of<kv::fingerprint>(cache)[0], list_of<kv::fingerprint>(source)[0], get.text(2),
                       static_cast<std::uint32_t>(get.integer(3))};
    if (get.integer(4) == checksum(model)) all.push_back(std::move(model));  // a server notes its own again
  }
  return all;
}

void sqlite_registry::widen_vocabulary() {
  for (const auto& model : models()) vocabulary_ = std::max(vocabulary_, model.vocabulary);
}

// -- writing --

void sqlite_registry::put_row(const conversation_key& key, const row& values) {
  statement put{*db_, fmt::format("INSERT OR REPLACE INTO conversations (tenant, id, {}, used) VALUES (?, ?, ?, ?, ?, "
                                  "?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                  conversation_columns)};
  put.bind(key.tenant, key.id, values.version, values.messages, values.tokens, values.cuts, values.last_role,
           std::span<const std::byte>{values.kept}, std::span<const std::byte>{values.parent}, values.kept_tokens,
           values.settled, values.keep, checksum(key, values), ++used_)
      .run();
}

void sqlite_registry::add_messages(const conversation_key& key, row& to, std::span<const stored_message> messages) {
  kv::hash128 chain;
  statement before{*db_, "SELECT chain FROM messages WHERE tenant = ? AND id = ? AND number = ?"};
  if (to.messages > 0 && before.bind(key.tenant, key.id, to.messages - 1).step())
    if (auto known = list_of<kv::hash128>(before.blob(0)); !known.empty()) chain = known[0];
  statement add{
      *db_,
      "INSERT OR REPLACE INTO messages (tenant, id, number, role, content, tokens, chain, checksum) VALUES (?, ?, ?, "
      "?, ?, ?, ?, ?)"};
  for (const auto& m : messages) {
    chain = next_message_hash(chain, m.role, m.content);
    std::optional<std::span<const std::byte>> tokens;
    if (m.tokens) tokens = blob_of(*m.tokens);
    add.bind(key.tenant, key.id, to.messages, m.role, m.content, tokens, blob_of(chain), checksum(to.messages, m))
        .run();
    to.last_role = m.role;
    ++to.messages;
  }
}

void sqlite_registry::retell(const conversation_key& key, const std::vector<std::vector<kv::token_id>>& tokens) {
  if (tokens.empty()) return;
  auto said = read(key, 0, static_cast<std::uint32_t>(tokens.size()));
  if (said.size() != tokens.size()) throw std::invalid_argument("a conversation has fewer messages than are retold");
  statement set{*db_, "UPDATE messages SET tokens = ?4, checksum = ?5 WHERE tenant = ?1 AND id = ?2 AND number = ?3"};
  for (std::size_t i = 0; i < said.size(); ++i) {
    said[i].tokens = tokens[i];
    auto number = static_cast<std::int64_t>(i);
    set.bind(key.tenant, key.id, number, blob_of(tokens[i]), checksum(number, said[i])).run();
  }
}

void sqlite_registry::add_part(const conversation_key& key, std::int64_t part, std::span<const kv::token_id> tokens) {
  statement add{*db_, "INSERT INTO tokens (tenant, id, part, tokens, checksum) VALUES (?, ?, ?, ?, ?)"};
  add.bind(key.tenant, key.id, part, std::as_bytes(tokens), checksum(part, std::as_bytes(tokens))).run();
}

void sqlite_registry::put_window(const conversation_key& key, row& to, const kv::lineage& window, bool all) {
  std::int64_t part = 0;
  auto stored = static_cast<std::size_t>(to.tokens);
  if (all) {
    for (auto sql : {"DELETE FROM tokens WHERE tenant = ? AND id = ?", "DELETE FROM cuts WHERE tenant = ? AND id = ?"})
      statement{*db_, sql}.bind(key.tenant, key.id).run();
    stored = 0;
    statement add{*db_, "INSERT INTO cuts VALUES (?, ?, ?, ?, ?, ?, ?)"};
    for (std::size_t i = 0; i < window.cuts.size(); ++i) {
      const auto& cut = window.cuts[i];
      auto number = static_cast<std::int64_t>(i);
      add.bind(key.tenant, key.id, number, std::int64_t{cut.first_chunk}, std::int64_t{cut.at_tokens},
               blob_of(cut.dropped), checksum(number, cut))
          .run();
    }
  } else {
    statement last{*db_, "SELECT coalesce(max(part), -1) + 1 FROM tokens WHERE tenant = ? AND id = ?"};
    last.bind(key.tenant, key.id).step();
    part = last.integer(0);
    if (stored > window.tokens.size()) throw std::invalid_argument("a window that only grew cannot be shorter");
  }
  if (stored < window.tokens.size() || all) add_part(key, part, std::span{window.tokens}.subspan(stored));
  auto kept = blob_of(window.kept), parent = blob_of(window.root);
  to.kept.assign(kept.begin(), kept.end());
  to.parent.assign(parent.begin(), parent.end());
  to.tokens = static_cast<std::int64_t>(window.tokens.size());
  to.cuts = static_cast<std::int64_t>(window.cuts.size());
  to.kept_tokens = window.kept_tokens;
  to.settled = window.settled;
  to.keep = window.keep;
}

void sqlite_registry::add_chunks(const conversation_key& key, std::span<const kv::chunk_key> chunks) {
  statement add{*db_, "INSERT OR IGNORE INTO chunks VALUES (?, ?, ?)"};
  for (auto chunk : chunks) add.bind(key.tenant, blob_of(chunk), key.id).run();
}

std::uint64_t sqlite_registry::write(const conversation_key& key, lease_owner owner,
                                     const conversation_change& change) {
  if (auto held = leases_.find(key); held != leases_.end() && held->second.owner != owner)
    throw lease_lost("another turn of this conversation is under way");
  transaction all{*db_};
  auto known = find_row(key);
  if (static_cast<std::uint64_t>(known ? known->version : 0) != change.expected_version)
    throw version_conflict("the conversation changed meanwhile");
  row next = known.value_or(row{});
  next.version = known ? known->version + 1 : static_cast<std::int64_t>(change.first_version);
  retell(key, change.retold);
  add_messages(key, next, change.messages);
  put_window(key, next, change.window, change.replaces_window || !known);
  put_row(key, next);
  add_chunks(key, change.chunks);
  all.commit();
  return static_cast<std::uint64_t>(next.version);
}

bool sqlite_registry::fork(const conversation_key& key, const std::string& new_id, std::uint32_t messages,
                           const kv::lineage& window, std::span<const kv::chunk_key> chunks) {
  transaction all{*db_};
  conversation_key copy{key.tenant, new_id};
  statement taken{*db_, "SELECT 1 FROM conversations WHERE tenant = ? AND id = ?"};
  if (taken.bind(copy.tenant, copy.id).step()) return false;
  taken.reset();
  statement copy_messages{*db_,
                          "INSERT INTO messages (tenant, id, number, role, content, tokens, chain, checksum) SELECT "
                          "tenant, ?3, number, role, content, tokens, chain, checksum FROM messages WHERE tenant = ?1 "
                          "AND id = ?2 AND number < ?4"};
  copy_messages.bind(key.tenant, key.id, new_id, std::int64_t{messages}).run();
  statement copied{*db_, "SELECT changes()"};
  if (copied.step() && copied.integer(0) != std::int64_t{messages})
    throw damaged_conversation("the conversation " + key.id + " is damaged in registry.sqlite: a message is missing");
  statement last{*db_, "SELECT role FROM messages WHERE tenant = ? AND id = ? ORDER BY number DESC LIMIT 1"};
  row values{.version = 1, .messages = messages};
  if (last.bind(copy.tenant, copy.id).step()) values.last_role = last.text(0);
  put_window(copy, values, window, true);
  put_row(copy, values);
  add_chunks(copy, chunks);
  all.commit();
  return true;
}

void sqlite_registry::note_chunks(const conversation_key& key, std::span<const kv::chunk_key> chunks) {
  transaction all{*db_};
  add_chunks(key, chunks);
  all.commit();
}

std::vector<kv::chunk_key> sqlite_registry::forget(const conversation_key& key) {
  transaction all{*db_};
  std::vector<kv::chunk_key> own;
  {
    statement get{*db_,
                  "SELECT key FROM chunks AS mine WHERE tenant = ? AND id = ? AND NOT EXISTS (SELECT 1 FROM chunks AS "
                  "other WHERE other.tenant = mine.tenant AND other.key = mine.key AND other.id <> mine.id)"};
    get.bind(key.tenant, key.id);
    while (get.step())
      if (auto chunk = list_of<kv::chunk_key>(get.blob(0)); !chunk.empty()) own.push_back(chunk[0]);
  }
  for (auto table :
       {"conversations", "tokens", "cuts", "messages", "chunks", "points", "labels", "archive_keys", "archive_jobs"}) {
    statement remove{*db_, fmt::format("DELETE FROM {} WHERE tenant = ? AND id = ?", table)};
    remove.bind(key.tenant, key.id).run();
  }
  all.commit();
  traces_left_ = true;
  erase_traces();
  return own;
}

// -- points --

void sqlite_registry::put_point(const std::string& tenant, const std::string& name, const conversation_point& point) {
  transaction all{*db_};
  statement put{*db_,
                "INSERT OR REPLACE INTO points (tenant, name, id, messages, note, checksum) VALUES (?, ?, ?, ?, ?, ?)"};
  put.bind(tenant, name, point.id, std::int64_t{point.messages}, point.note, checksum(tenant, name, point)).run();
  all.commit();
}

std::optional<conversation_point> sqlite_registry::find_point(const std::string& tenant, const std::string& name) {
  statement get{*db_, "SELECT id, messages, note, checksum FROM points WHERE tenant = ? AND name = ?"};
  if (!get.bind(tenant, name).step()) return {};
  conversation_point point{get.text(0), static_cast<std::uint32_t>(get.integer(1)), get.text(2)};
  if (get.integer(3) != checksum(tenant, name, point))
    throw damaged_conversation(fmt::format(
        "the point {} is damaged in registry.sqlite: it is not what was written; forget it, or drop it with "
        "`chromatin fsck --repair`",
        name));
  return point;
}

std::uint32_t sqlite_registry::forget_point(const std::string& tenant, const std::string& name) {
  transaction all{*db_};
  statement get{*db_, "SELECT id FROM points WHERE tenant = ? AND name = ?"};
  if (!get.bind(tenant, name).step()) return 0;
  auto id = get.text(0);
  get.reset();
  statement{*db_, "DELETE FROM points WHERE tenant = ? AND name = ?"}.bind(tenant, name).run();
  statement left{*db_, "SELECT count(*) FROM points WHERE tenant = ? AND id = ?"};
  left.bind(tenant, id).step();
  auto count = static_cast<std::uint32_t>(left.integer(0));
  left.reset();
  all.commit();
  traces_left_ = true;
  erase_traces();
  return count;
}

// -- labels --

void sqlite_registry::put_label(const conversation_key& key, const conversation_label& label) {
  transaction all{*db_};
  statement put{*db_, "INSERT OR REPLACE INTO labels (tenant, id, created, metadata, checksum) VALUES (?, ?, ?, ?, ?)"};
  put.bind(key.tenant, key.id, label.created_s, label.metadata, checksum(key, label)).run();
  all.commit();
}

conversation_label sqlite_registry::find_label(const conversation_key& key) {
  statement get{*db_, "SELECT created, metadata, checksum FROM labels WHERE tenant = ? AND id = ?"};
  if (!get.bind(key.tenant, key.id).step()) return {};
  conversation_label label{get.integer(0), get.text(1)};
  if (get.is_null(2) || get.integer(2) != checksum(key, label))
    throw damaged_conversation(fmt::format(
        "the label of the conversation {} is damaged in registry.sqlite: it is not what was written; forget the "
        "conversation, or drop the label with `chromatin fsck --repair`",
        key.id));
  return label;
}

void sqlite_registry::commit() {
  db_->commit_batch();
  erase_traces();
}

void sqlite_registry::erase_traces() {
  if (!traces_left_ || db_->in_batch()) return;
  try {
    statement checkpoint{*db_, "PRAGMA wal_checkpoint(TRUNCATE)"};
    traces_left_ = checkpoint.step() && checkpoint.integer(0) != 0;
  } catch (const sqlite_error&) {
    // What was asked for is stored; the log is as long as it was.
  }
}

// -- leases --

bool sqlite_registry::lease(const conversation_key& key, lease_owner owner, lease_time now, lease_time end) {
  auto& held = leases_.try_emplace(key, lease_held{owner, end}).first->second;
  if (held.owner != owner && held.end > now) return false;
  held = {owner, end};
  return true;
}

void sqlite_registry::release(const conversation_key& key, lease_owner owner) {
  if (auto held = leases_.find(key); held != leases_.end() && held->second.owner == owner) leases_.erase(held);
}

}  // namespace chromatin::io
