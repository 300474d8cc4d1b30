/// Conversations: every row against its checksum, every conversation as a whole.

#include <algorithm>

#include <fmt/format.h>

#include "io/fsck/parts.hpp"
#include "io/fsck/wal.hpp"
#include "io/sqlite_registry.hpp"

namespace chromatin::io::fsck {
namespace {

constexpr auto registry = "registry.sqlite";
constexpr std::uint32_t messages_at_once = 64;

class conversation_check {
 public:
  conversation_check(run& r, std::unique_ptr<database> db)
      : r_{r}, db_{*db}, store_{std::move(db), r.wanted.vocabulary} {}

  void operator()() {
    read_salts();
    auto keys = names();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      look_at(keys[i]);
      r_.progress("conversations", i + 1, keys.size());
    }
    check_archives();
    check_points();
    check_models();
    check_labels();
    check_roots();
    read_named_chunks();
  }

 private:
  static std::string where(const conversation_key& key) {
    return fmt::format("conversation {} of tenant {}", key.id, key.tenant.empty() ? "(none)" : key.tenant);
  }

  void read_salts() {
    std::vector<std::string> wrong;
    statement get{db_, "SELECT tenant, salt FROM tenants"};
    while (get.step()) {
      if (get.blob(1).size() == sizeof(kv::hash128))
        r_.salts.emplace(get.text(0), list_of<kv::hash128>(get.blob(1))[0]);
      else
        wrong.push_back(get.text(0));
    }
    get.reset();
    for (const auto& tenant : wrong) {
      auto name = "tenant " + tenant;
      if (r_.repairs(name)) statement{db_, "DELETE FROM tenants WHERE tenant = ?"}.bind(tenant).run();
      r_.damage(name, "its salt has an impossible length",
                r_.repairs(name) ? "it gets a new one: new conversations share no cache with older ones" : "");
    }
  }

  std::vector<conversation_key> names() {
    std::vector<conversation_key> keys;
    statement get{db_,
                  "SELECT tenant, id FROM conversations UNION SELECT tenant, id FROM messages UNION SELECT tenant, id "
                  "FROM tokens UNION SELECT tenant, id FROM cuts"};
    while (get.step()) keys.push_back({get.text(0), get.text(1)});
    return keys;
  }

  void look_at(const conversation_key& key) {
    ++r_.found.conversations;
    auto wrong = what_is_wrong(key);
    if (wrong.empty()) return check_surroundings(key);
    std::string repair;
    if (r_.repairs(where(key))) {
      if (count("conversations", key) == 0 && count("messages", key) == 0) {
        store_.forget(key);
        repair = "dropped";
      } else if (auto left = store_.cut_back(key)) {
        repair = fmt::format("its first {} messages are kept", *left);
      }
    }
    r_.damage(where(key), wrong, repair);
  }

  /// What of a conversation is not what was written, a sentence; empty if all is.
  std::string what_is_wrong(const conversation_key& key) try {
    auto record = store_.load(key);
    if (!record) return "some rows of it are left, and it has no messages";
    hashes_.clear();
    while (hashes_.size() < record->messages) {
      auto some = store_.read(key, static_cast<std::uint32_t>(hashes_.size()), messages_at_once);
      for (const auto& m : some)
        hashes_.push_back(next_message_hash(hashes_.empty() ? kv::hash128{} : hashes_.back(), m.role, m.content));
    }
    r_.found.messages += record->messages;
    window_ = std::move(record->window);
    return {};
  } catch (const damaged_conversation& e) {
    return e.what();
  } catch (const sqlite_error& e) {
    if (!e.damaged) throw;
    return e.what();
  }

  /// Of a sound conversation: what helps to find it and to forget it.
  void check_surroundings(const conversation_key& key) {
    check_hashes(key);
    auto messages = static_cast<std::int64_t>(hashes_.size());
    if (auto more = count("messages", key) - messages; more > 0) {
      if (r_.repairs(where(key)))
        statement{db_, "DELETE FROM messages WHERE tenant = ? AND id = ? AND number >= ?"}
            .bind(key.tenant, key.id, messages)
            .run();
      r_.damage(where(key), fmt::format("{} messages are there that it does not have", more),
                r_.repairs(where(key)) ? "dropped" : "");
    }
    roots_[key.tenant].push_back(window_.root);
    check_chunks(key);
  }

  void check_hashes(const conversation_key& key) {
    std::vector<std::int64_t> wrong;
    statement get{db_, "SELECT 1 FROM messages WHERE tenant = ? AND id = ? AND number = ? AND chain = ?"};
    for (std::size_t i = 0; i < hashes_.size(); ++i)
      if (auto number = static_cast<std::int64_t>(i); !get.bind(key.tenant, key.id, number, blob_of(hashes_[i])).step())
        wrong.push_back(number);
    get.reset();
    if (wrong.empty()) return;
    statement set{db_, "UPDATE messages SET chain = ?4 WHERE tenant = ?1 AND id = ?2 AND number = ?3"};
    for (auto number : wrong)
      if (r_.repairs(where(key)))
        set.bind(key.tenant, key.id, number, blob_of(hashes_[static_cast<std::size_t>(number)])).run();
    r_.damage(where(key),
              fmt::format("hashes of {} messages, by which it is found, are not what was written", wrong.size()),
              r_.repairs(where(key)) ? "made again" : "");
  }

  std::int64_t count(const std::string& table, const conversation_key& key) {
    statement get{db_, fmt::format("SELECT count(*) FROM {} WHERE tenant = ? AND id = ?", table)};
    return get.bind(key.tenant, key.id).step() ? get.integer(0) : 0;
  }

  /// Chunks that are not in its list would not be erased when it is forgotten.
  void check_chunks(const conversation_key& key) {
    if (window_.root == kv::chunk_key{}) return;
    std::vector<kv::chunk_key> missing;
    statement find{db_, "SELECT 1 FROM chunks WHERE tenant = ? AND key = ? AND id = ?"};
    for (const auto& link : kv::chain(window_, window_.settled))
      if (!find.bind(key.tenant, blob_of(link.key), key.id).step()) missing.push_back(link.key);
    find.reset();
    if (missing.empty()) return;
    if (r_.repairs(where(key))) store_.note_chunks(key, missing);
    r_.damage(where(key),
              fmt::format("{} chunks of it are not in its list: they would not be erased with it", missing.size()),
              r_.repairs(where(key)) ? "noted again" : "");
  }

  void check_archives() {
    for (auto number : store_.archives().jobs().damaged) {
      auto place = fmt::format("archive job {}", number);
      if (r_.repairs(place)) store_.archives().remove(number);
      r_.damage(place, "it is not what was written", r_.repairs(place) ? "dropped: ask for it again" : "");
    }
    statement get{db_, "SELECT tenant, id FROM archive_keys"};
    while (get.step()) {
      conversation_key key{get.text(0), get.text(1)};
      try {
        store_.archives().find_key(key);
      } catch (const damaged_conversation& e) {
        r_.damage("key of " + where(key), e.what());
      }
    }
  }

  bool is_stored_in_dna(const conversation_key& key) {
    return std::ranges::any_of(store_.archives().jobs_of(key).jobs,
                               [](const archive_job& job) { return job.state == archive_state::stored; });
  }

  /// One whose conversation is gone, or was cut back behind it, leads nowhere; an archived one comes back.
  void check_points() {
    std::vector<std::pair<std::string, std::string>> names, wrong;
    statement get{db_, "SELECT tenant, name FROM points"};
    while (get.step()) names.emplace_back(get.text(0), get.text(1));
    for (const auto& [tenant, name] : names)
      if (!is_sound_point(tenant, name)) wrong.emplace_back(tenant, name);
    for (const auto& [tenant, name] : wrong) {
      auto place = fmt::format("point {} of tenant {}", name, tenant.empty() ? "(none)" : tenant);
      if (r_.repairs(place)) store_.forget_point(tenant, name);
      r_.damage(place, "it is not what was written, or leads nowhere", r_.repairs(place) ? "dropped" : "");
    }
  }

  bool is_sound_point(const std::string& tenant, const std::string& name) try {
    auto point = store_.find_point(tenant, name);
    if (!point) return false;
    auto at = store_.find({tenant, point->id});
    return at ? at->messages >= point->messages : is_stored_in_dna({tenant, point->id});
  } catch (const damaged_conversation&) {
    return false;
  }

  /// A server notes its own again. Of the others, conversations would seem to have another salt.
  void check_models() {
    auto sound = store_.models();
    std::int64_t all = 0;
    {
      statement count{db_, "SELECT count(*) FROM models"};
      if (count.step()) all = count.integer(0);
    }
    if (auto wrong = all - static_cast<std::int64_t>(sound.size()); wrong > 0) {
      constexpr auto place = "registry.sqlite, table models";
      if (r_.repairs(place)) {
        db_.execute("DELETE FROM models");
        for (const auto& model : sound) store_.note_model(model);
      }
      r_.damage(place, fmt::format("what {} rows say of a model is not what was written", wrong),
                r_.repairs(place) ? "dropped: serve that model once more, and it is known again" : "");
    }
    for (const auto& model : sound) served_.push_back(model.cache);
    for (const auto& cache : r_.caches)
      if (cache.model) served_.push_back(*cache.model);
  }

  /// One without its conversation would be what is known of the next one of that name.
  void check_labels() {
    std::vector<conversation_key> keys;
    statement get{db_, "SELECT tenant, id FROM labels"};
    while (get.step()) keys.push_back({get.text(0), get.text(1)});
    get.reset();
    for (const auto& key : keys) {
      if (is_sound_label(key)) continue;
      auto place = "label of " + where(key);
      if (r_.repairs(place))
        statement{db_, "DELETE FROM labels WHERE tenant = ? AND id = ?"}.bind(key.tenant, key.id).run();
      r_.damage(place, "it is not what was written, or of no conversation",
                r_.repairs(place) ? "dropped: when it was made and its metadata are not known any more" : "");
    }
  }

  bool is_sound_label(const conversation_key& key) {
    try {
      store_.find_label(key);
    } catch (const damaged_conversation&) {
      return false;
    }
    return count("conversations", key) > 0 || is_stored_in_dna(key);
  }

  /// A root is a hash of model and salt.
  void check_roots() {
    if (served_.empty()) return;
    for (const auto& [tenant, roots] : roots_) {
      auto salt = r_.salts.find(tenant);
      auto known = [&](kv::chunk_key root) {
        return root == kv::chunk_key{} || (salt != r_.salts.end() && std::ranges::any_of(served_, [&](auto model) {
                                             return root == kv::root_key(model, salt->second);
                                           }));
      };
      if (std::ranges::none_of(roots, known))
        r_.note(
            "tenant " + tenant,
            "its salt is not the one that its conversations began with, or they are another model's: new ones share "
            "no cache with them, and nothing else is wrong");
    }
  }

  void read_named_chunks() {
    r_.named.emplace();
    statement get{db_, "SELECT key FROM chunks"};
    while (get.step())
      if (auto key = get.blob(0); key.size() == sizeof(kv::chunk_key)) r_.named->insert(list_of<kv::chunk_key>(key)[0]);
  }

  run& r_;
  database& db_;
  sqlite_registry store_;
  std::vector<kv::fingerprint> served_;  ///< models that are known
  std::map<std::string, std::vector<kv::chunk_key>> roots_;
  std::vector<kv::hash128> hashes_;  ///< of the messages of the conversation that was looked at last
  kv::lineage window_;               ///< as well
};

/// Columns in their order; empty if there is no such table.
std::string columns_of(database& db, const std::string& table) {
  statement get{
      db, "SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || pk) FROM pragma_table_info(?)"};
  return get.bind(table).step() ? get.text(0) : std::string{};
}

/// Where the file says other things of its tables than a new file: SQLite takes a changed letter for another name.
std::vector<std::string> changed_descriptions(database& db) {
  database fresh{":memory:"};
  registry_format::prepare(fresh, ":memory:");
  statement tables{fresh, "SELECT name FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL"};
  std::vector<std::string> lines;
  while (tables.step())
    if (auto name = tables.text(0); columns_of(db, name) != columns_of(fresh, name))
      lines.push_back(fmt::format("the description of table {} is not what was written", name));
  return lines;
}

/// The database, when conversations can be looked at in it.
std::unique_ptr<database> open_registry_file(run& r) {
  auto file = r.file(registry);
  auto how = r.writes() ? open_mode::make : open_mode::look;
  std::vector<std::string> lines;
  std::int64_t format = 0;
  try {
    auto db = std::make_unique<database>(file, how);
    lines = structural_damage(*db);
    statement get{*db, "PRAGMA user_version"};
    if (get.step()) format = get.integer(0);
    if (format > registry_format::version) {
      r.damage(registry, fmt::format("its format {} is not known: a newer chromatin made it, or it is damaged; nothing "
                                     "in it was looked at",
                                     format));
      return {};
    }
    if (lines.empty() && format < registry_format::version) {
      r.note(registry, fmt::format("an older chromatin made it (format {})", format),
             r.repairs(registry) ? "brought up to date" : "");
      if (!r.repairs(registry)) return {};
      get.reset();
      registry_format::prepare(*db, file);
    }
    if (lines.empty()) lines = changed_descriptions(*db);
    if (lines.empty()) return db;
    if (!r.repairs(registry)) {
      for (const auto& line : lines) r.damage(registry, line);
      return db;  // what can be read of it
    }
  } catch (const sqlite_error& e) {
    if (!e.damaged) throw;
    lines.push_back(e.what());
    if (!r.repairs(registry)) {
      r.damage(registry, fmt::format("cannot be read: {}", e.what()));
      return {};
    }
  }
  auto repair =
      fmt::format("what can be read is in a new file; the old one is kept as {}", salvage_registry(r.wanted.folder));
  for (const auto& line : lines) r.damage(registry, line, repair);
  r.believes_all = true;
  return std::make_unique<database>(file);
}

}  // namespace

void check_registry(run& r) {
  auto file = r.file(registry);
  if (std::error_code none; !std::filesystem::exists(file, none))
    return r.damage(registry, "is not there: all conversations are lost, if there were any");
  if (auto wrong = damage_in_log(file.string() + "-wal"); !wrong.empty())
    r.damage("registry.sqlite-wal", wrong, r.repairs("registry.sqlite-wal") ? "what stands before it is kept" : "");
  r.progress("the registry", 0, 1);
  try {
    if (auto db = open_registry_file(r)) conversation_check{r, std::move(db)}();
  } catch (const sqlite_error& e) {
    if (!e.damaged) throw;
    r.damage(registry, fmt::format("cannot be read to its end: {}", e.what()));
  }
}

}  // namespace chromatin::io::fsck
