#include "io/sqlite_registry.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "io/device.hpp"

namespace chromatin::io {
namespace {

using registry_format::checksum;
using registry_format::conversation_columns;
using registry_format::read_row;
constexpr int row_checksum = 10;  ///< its place in conversation_columns

[[noreturn]] void fail_damaged(const conversation_key& key, const std::string& what) {
  throw damaged_conversation(
      fmt::format("the conversation {} is damaged in registry.sqlite: {} not what was written; forget it, or restore "
                  "the folder from a copy",
                  key.id, what));
}

bool is_sound(const statement& from, int column, std::int64_t sum) {
  return !from.is_null(column) && from.integer(column) == sum;
}

conversation_summary summary_of(const std::string& id, const registry_format::conversation_row& row, bool damaged) {
  return {id,
          static_cast<std::uint64_t>(row.version),
          static_cast<std::uint32_t>(row.messages),
          static_cast<std::uint32_t>(row.tokens),
          row.last_role,
          damaged};
}

}  // namespace

sqlite_registry::sqlite_registry(const std::filesystem::path& folder, salt_source new_salts) try
    : new_salts_{std::move(new_salts)} {
  if (!folder.empty() && std::filesystem::create_directories(folder))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
  auto file = folder.empty() ? std::filesystem::path{":memory:"} : folder / "registry.sqlite";
  db_ = std::make_unique<database>(file);
  db_->execute("PRAGMA secure_delete = ON");  // what is forgotten is overwritten in the file
  registry_format::prepare(*db_, file);
} catch (const sqlite_error& e) {
  throw open_error(fmt::format("{}: the registry cannot be opened: {}", folder.string(), e.what()));
} catch (const std::filesystem::filesystem_error& e) {
  throw open_error(fmt::format("{}: {}", folder.string(), e.code().message()));
}

// -- reading --

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

std::optional<sqlite_registry::row> sqlite_registry::find_row(const conversation_key& key) {
  statement get{*db_, fmt::format("SELECT {} FROM conversations WHERE tenant = ? AND id = ?", conversation_columns)};
  if (!get.bind(key.tenant, key.id).step()) {
    statement rest{*db_, "SELECT 1 FROM messages WHERE tenant = ? AND id = ? LIMIT 1"};
    if (rest.bind(key.tenant, key.id).step()) fail_damaged(key, "its name is");
    return {};
  }
  auto found = read_row(get, 0);
  if (!is_sound(get, row_checksum, checksum(key, found))) fail_damaged(key, "its description is");
  return found;
}

std::optional<conversation_summary> sqlite_registry::find(const conversation_key& key) {
  auto found = find_row(key);
  return found ? std::optional{summary_of(key.id, *found, false)} : std::nullopt;
}

std::vector<kv::token_id> sqlite_registry::window_tokens(const conversation_key& key) {
  std::vector<kv::token_id> all;
  statement get{*db_, "SELECT part, tokens, checksum FROM tokens WHERE tenant = ? AND id = ? ORDER BY part"};
  get.bind(key.tenant, key.id);
  while (get.step()) {
    auto blob = get.blob(1);
    if (!is_sound(get, 2, checksum(get.integer(0), blob))) fail_damaged(key, "the tokens of its window are");
    auto part = list_of<kv::token_id>(blob);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

std::vector<kv::cut> sqlite_registry::window_cuts(const conversation_key& key) {
  std::vector<kv::cut> all;
  statement get{*db_,
                "SELECT number, first_chunk, at_tokens, dropped, checksum FROM cuts WHERE tenant = ? AND id = ? "
                "ORDER BY number"};
  get.bind(key.tenant, key.id);
  while (get.step()) {
    kv::cut cut{static_cast<std::uint32_t>(get.integer(1)), static_cast<std::uint32_t>(get.integer(2)),
                list_of<kv::token_id>(get.blob(3))};
    if (!is_sound(get, 4, checksum(get.integer(0), cut))) fail_damaged(key, "what its window dropped is");
    all.push_back(std::move(cut));
  }
  return all;
}

std::optional<conversation_record> sqlite_registry::load(const conversation_key& key) {
  auto found = find_row(key);
  if (!found) return {};
  conversation_record record{summary_of(key.id, *found, false), {}};
  auto& window = record.window;
  window.tokens = window_tokens(key);
  window.cuts = window_cuts(key);
  window.kept = list_of<kv::chunk_key>(found->kept);
  auto root = list_of<kv::chunk_key>(found->parent);
  if (window.tokens.size() != record.tokens || window.cuts.size() != static_cast<std::size_t>(found->cuts) ||
      root.size() != 1)
    fail_damaged(key, "the length of its window is");
  window.root = root[0];
  window.kept_tokens = static_cast<std::uint32_t>(found->kept_tokens);
  window.settled = static_cast<std::uint32_t>(found->settled);
  window.keep = static_cast<std::uint32_t>(found->keep);
  return record;
}

std::vector<stored_message> sqlite_registry::read(const conversation_key& key, std::uint32_t first,
                                                  std::uint32_t count_max) {
  std::vector<stored_message> all;
  statement get{*db_,
                "SELECT number, role, content, tokens, checksum FROM messages WHERE tenant = ? AND id = ? AND "
                "number >= ? ORDER BY number LIMIT ?"};
  get.bind(key.tenant, key.id, std::int64_t{first}, std::int64_t{count_max});
  while (get.step()) {
    stored_message m{get.text(1), get.text(2), {}};
    if (!get.is_null(3)) m.tokens = list_of<kv::token_id>(get.blob(3));
    auto number = get.integer(0);
    if (number != first + static_cast<std::int64_t>(all.size()) || !is_sound(get, 4, checksum(number, m)))
      fail_damaged(key, fmt::format("message {} is", first + all.size()));
    all.push_back(std::move(m));
  }
  return all;
}

std::vector<conversation_summary> sqlite_registry::list(const std::string& tenant, const std::string& after,
                                                        std::uint32_t count_max) {
  std::vector<conversation_summary> all;
  statement get{*db_, fmt::format("SELECT {}, id FROM conversations WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?",
                                  conversation_columns)};
  get.bind(tenant, after, std::int64_t{count_max});
  while (get.step()) {
    auto found = read_row(get, 0);
    auto id = get.text(row_checksum + 1);
    all.push_back(summary_of(id, found, !is_sound(get, row_checksum, checksum({tenant, id}, found))));
  }
  return all;
}

std::optional<shared_history> sqlite_registry::match(const std::string& tenant,
                                                     std::span<const stored_message> messages) {
  std::vector<kv::hash128> chain;
  for (const auto& m : messages)
    chain.push_back(next_message_hash(chain.empty() ? kv::hash128{} : chain.back(), m.role, m.content));
  statement get{*db_,
                "SELECT c.id, c.messages FROM messages AS m JOIN conversations AS c ON c.tenant = m.tenant AND c.id = "
                "m.id WHERE m.tenant = ? AND m.chain = ? ORDER BY c.messages LIMIT 1"};
  for (auto shared = chain.size(); shared > 0; --shared)
    if (get.bind(tenant, blob_of(chain[shared - 1])).step())
      return shared_history{get.text(0), static_cast<std::uint32_t>(shared),
                            static_cast<std::uint32_t>(get.integer(1))};
  return {};
}

std::int64_t sqlite_registry::conversations() {
  statement count{*db_, "SELECT count(*) FROM conversations"};
  count.step();
  return count.integer(0);
}

// -- writing --

void sqlite_registry::put_row(const conversation_key& key, const row& values) {
  statement put{*db_, fmt::format("INSERT OR REPLACE INTO conversations (tenant, id, {}) VALUES (?, ?, ?, ?, ?, ?, ?, "
                                  "?, ?, ?, ?, ?, ?)",
                                  conversation_columns)};
  put.bind(key.tenant, key.id, values.version, values.messages, values.tokens, values.cuts, values.last_role,
           std::span<const std::byte>{values.kept}, std::span<const std::byte>{values.parent}, values.kept_tokens,
           values.settled, values.keep, checksum(key, values))
      .run();
}

void sqlite_registry::add_messages(const conversation_key& key, row& to, std::span<const stored_message> messages) {
  kv::hash128 chain;
  statement before{*db_, "SELECT chain FROM messages WHERE tenant = ? AND id = ? AND number = ?"};
  if (to.messages > 0 && before.bind(key.tenant, key.id, to.messages - 1).step())
    if (auto known = list_of<kv::hash128>(before.blob(0)); !known.empty()) chain = known[0];
  statement add{*db_,
                "INSERT INTO messages (tenant, id, number, role, content, tokens, chain, checksum) VALUES (?, ?, ?, "
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
  ++next.version;
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
  for (auto table : {"conversations", "tokens", "cuts", "messages", "chunks"}) {
    statement remove{*db_, fmt::format("DELETE FROM {} WHERE tenant = ? AND id = ?", table)};
    remove.bind(key.tenant, key.id).run();
  }
  all.commit();
  traces_left_ = true;
  erase_traces();
  return own;
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
  auto& held = leases_.try_emplace(key, owner, end).first->second;
  if (held.owner != owner && held.end > now) return false;
  held = {owner, end};
  return true;
}

void sqlite_registry::release(const conversation_key& key, lease_owner owner) {
  if (auto held = leases_.find(key); held != leases_.end() && held->second.owner == owner) leases_.erase(held);
}

}  // namespace chromatin::io
