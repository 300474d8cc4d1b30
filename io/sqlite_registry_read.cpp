/// What the registry store reads, and how it finds out that something is damaged.

#include <algorithm>

#include <fmt/format.h>

#include "io/sqlite_registry.hpp"

namespace chromatin::io {
namespace {

using registry_format::checksum;
using registry_format::conversation_columns;
using registry_format::read_row;
constexpr int row_checksum = 10;  ///< its place in conversation_columns

[[noreturn]] void fail_damaged(const conversation_key& key, const std::string& what) {
  throw damaged_conversation(
      fmt::format("the conversation {} is damaged in registry.sqlite: {} not what was written; forget it, keep what is "
                  "right of it with `chromatin fsck --repair`, or restore the folder from a copy",
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

void sqlite_registry::check_vocabulary(const conversation_key& key, std::span<const kv::token_id> tokens) const {
  if (std::ranges::any_of(tokens, [&](kv::token_id t) { return t >= vocabulary_; }))
    fail_damaged(key, "a token that the model does not have is");
}

std::vector<kv::token_id> sqlite_registry::window_tokens(const conversation_key& key) {
  std::vector<kv::token_id> all;
  statement get{*db_, "SELECT part, tokens, checksum FROM tokens WHERE tenant = ? AND id = ? ORDER BY part"};
  get.bind(key.tenant, key.id);
  for (std::int64_t next = 0; get.step(); ++next) {
    auto blob = get.blob(1);
    if (get.integer(0) != next || !is_sound(get, 2, checksum(next, blob)))
      fail_damaged(key, "the tokens of its window are");
    auto part = list_of<kv::token_id>(blob);
    all.insert(all.end(), part.begin(), part.end());
  }
  check_vocabulary(key, all);
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
    auto number = static_cast<std::int64_t>(all.size());
    if (get.integer(0) != number || !is_sound(get, 4, checksum(number, cut)))
      fail_damaged(key, "what its window dropped is");
    check_vocabulary(key, cut.dropped);
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
  if (std::max(window.settled, window.kept_tokens) > window.tokens.size() ||
      window.kept.size() != kv::chunks_for(window.kept_tokens))
    fail_damaged(key, "how far its window was computed is");
  return record;
}

std::vector<stored_message> sqlite_registry::read(const conversation_key& key, std::uint32_t first,
                                                  std::uint32_t count_max) {
  auto known = find_row(key);
  auto total = known ? static_cast<std::uint64_t>(known->messages) : 0;
  auto wanted = std::min<std::uint64_t>(count_max, total - std::min<std::uint64_t>(first, total));
  std::vector<stored_message> all;
  statement get{*db_,
                "SELECT number, role, content, tokens, checksum FROM messages WHERE tenant = ? AND id = ? AND "
                "number >= ? ORDER BY number LIMIT ?"};
  get.bind(key.tenant, key.id, std::int64_t{first}, static_cast<std::int64_t>(wanted));
  while (all.size() < wanted) {
    auto number = first + static_cast<std::int64_t>(all.size());
    auto fail = [&] { fail_damaged(key, fmt::format("message {} is", number)); };
    if (!get.step() || get.integer(0) != number) fail();
    stored_message m{get.text(1), get.text(2), {}};
    if (!get.is_null(3)) m.tokens = list_of<kv::token_id>(get.blob(3));
    if (!is_sound(get, 4, checksum(number, m))) fail();
    if (m.tokens) check_vocabulary(key, *m.tokens);
    all.push_back(std::move(m));
  }
  return all;
}

std::vector<listed_conversation> sqlite_registry::list(const std::string& tenant, const std::string& after,
                                                       std::uint32_t count_max) {
  auto get = select_listed("tenant = ? AND id > ? ORDER BY id LIMIT ?");
  get.bind(tenant, after, std::int64_t{count_max});
  return listed(tenant, get);
}

std::vector<listed_conversation> sqlite_registry::latest(const std::string& tenant, std::uint32_t count_max) {
  auto get = select_listed("tenant = ? ORDER BY used DESC LIMIT ?");
  get.bind(tenant, std::int64_t{count_max});
  return listed(tenant, get);
}

statement sqlite_registry::select_listed(std::string_view which) {
  return {*db_, fmt::format("SELECT {}, id, created, metadata, label_checksum FROM conversations LEFT JOIN (SELECT "
                            "tenant, id, created, metadata, checksum AS label_checksum FROM labels) USING (tenant, id) "
                            "WHERE {}",
                            conversation_columns, which)};
}

std::vector<listed_conversation> sqlite_registry::listed(const std::string& tenant, statement& get) {
  std::vector<listed_conversation> all;
  for (std::size_t bytes = 0; bytes < list_bytes_max && get.step();) {
    auto found = read_row(get, 0);
    conversation_key key{tenant, get.text(row_checksum + 1)};
    conversation_label label{get.integer(row_checksum + 2), get.text(row_checksum + 3)};
    bytes += label.metadata.size();
    if (!is_sound(get, row_checksum + 4, checksum(key, label))) label = {};
    all.push_back({summary_of(key.id, found, !is_sound(get, row_checksum, checksum(key, found))), std::move(label)});
  }
  return all;
}

std::optional<shared_history> sqlite_registry::match(const std::string& tenant, kv::chunk_key root,
                                                     std::span<const stored_message> messages) {
  std::vector<kv::hash128> chain;
  for (const auto& m : messages)
    chain.push_back(next_message_hash(chain.empty() ? kv::hash128{} : chain.back(), m.role, m.content));
  statement get{*db_,
                "SELECT c.id, c.messages FROM messages AS m JOIN conversations AS c ON c.tenant = m.tenant AND c.id = "
                "m.id WHERE m.tenant = ? AND m.chain = ? AND c.parent = ? ORDER BY c.messages"};
  for (auto shared = chain.size(); shared > 0; --shared)
    for (get.bind(tenant, blob_of(chain[shared - 1]), blob_of(root)); get.step();)
      if (begins_with({tenant, get.text(0)}, messages.first(shared)))
        return shared_history{get.text(0), static_cast<std::uint32_t>(shared),
                              static_cast<std::uint32_t>(get.integer(1))};
  return {};
}

/// The index by hashes only says where to look: neither it nor a hash has a checksum.
bool sqlite_registry::begins_with(const conversation_key& key, std::span<const stored_message> messages) try {
  auto theirs = read(key, 0, static_cast<std::uint32_t>(messages.size()));
  return std::ranges::equal(theirs, messages, [](const stored_message& a, const stored_message& b) {
    return a.role == b.role && given_back(a.role, a.content) == given_back(b.role, b.content);
  });
} catch (const damaged_conversation&) {
  return false;
}

std::vector<std::string> sqlite_registry::oldest(const std::string& tenant, const std::string& prefix,
                                                 std::uint32_t count_max) {
  std::vector<std::string> all;
  statement get{*db_,
                "SELECT id FROM conversations WHERE tenant = ?1 AND substr(id, 1, length(?2)) = ?2 ORDER BY used "
                "LIMIT ?3"};
  get.bind(tenant, prefix, std::int64_t{count_max});
  while (get.step()) all.push_back(get.text(0));
  return all;
}

std::vector<unused_conversation> sqlite_registry::unused(std::uint32_t count_max) {
  std::vector<unused_conversation> all;
  statement get{*db_, "SELECT tenant, id, tokens, used FROM conversations ORDER BY used LIMIT ?"};
  get.bind(std::int64_t{count_max});
  while (get.step())
    all.push_back({{get.text(0), get.text(1)}, static_cast<std::uint32_t>(get.integer(2)), used_ - get.integer(3)});
  return all;
}

std::int64_t sqlite_registry::conversations() {
  statement count{*db_, "SELECT count(*) FROM conversations"};
  count.step();
  return count.integer(0);
}

std::int64_t sqlite_registry::conversations_of(const std::string& tenant) {
  statement count{*db_, "SELECT count(*) FROM conversations WHERE tenant = ?"};
  count.bind(tenant).step();
  return count.integer(0);
}

}  // namespace chromatin::io
