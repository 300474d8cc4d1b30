// Folders as earlier programs wrote them, whole and killed in the middle of a change of format.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/device.hpp"
#include "io/fsck/fsck.hpp"
#include "io/registry_format.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

using tokens = std::vector<kv::token_id>;
const conversation_key grown{"tenant-a", "grown"}, truncated{"tenant-a", "truncated"};
const kv::hash128 root{5, 6}, salt{7, 8}, mark{9, 10};

/// The tables of an earlier format, word for word.
std::string tables_of(int format) {
  return std::string{R"(
CREATE TABLE IF NOT EXISTS tenants (tenant TEXT PRIMARY KEY, salt BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS conversations (tenant TEXT, id TEXT, version INTEGER NOT NULL, messages INTEGER NOT NULL,
  last_role TEXT NOT NULL, kept BLOB NOT NULL, kept_tokens INTEGER NOT NULL, parent BLOB NOT NULL, settled INTEGER NOT NULL,)"} +
         (format == 1 ? "" : "  keep INTEGER NOT NULL DEFAULT 0,") + R"(
  PRIMARY KEY (tenant, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (tenant TEXT, id TEXT, part INTEGER, tokens BLOB NOT NULL,
  PRIMARY KEY (tenant, id, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (tenant TEXT, id TEXT, number INTEGER, role TEXT NOT NULL, content TEXT NOT NULL,
  PRIMARY KEY (tenant, id, number)) WITHOUT ROWID;
PRAGMA user_version = )" +
         std::to_string(format);
}

void add(database& db, int format, const conversation_key& key, const std::string& last_role, std::int64_t messages,
         const std::vector<kv::chunk_key>& kept, std::int64_t kept_tokens, kv::hash128 parent, std::int64_t settled) {
  statement put{db, format == 1 ? "INSERT INTO conversations VALUES (?, ?, 4, ?, ?, ?, ?, ?, ?)"
                                : "INSERT INTO conversations VALUES (?, ?, 4, ?, ?, ?, ?, ?, ?, 2)"};
  put.bind(key.tenant, key.id, messages, last_role, blob_of(kept), kept_tokens, blob_of(parent), settled).run();
}

void add_part(database& db, const conversation_key& key, std::int64_t part, const tokens& ids) {
  statement{db, "INSERT INTO tokens VALUES (?, ?, ?, ?)"}.bind(key.tenant, key.id, part, blob_of(ids)).run();
}

void add_message(database& db, const conversation_key& key, std::int64_t number, const std::string& role,
                 const std::string& content) {
  statement{db, "INSERT INTO messages VALUES (?, ?, ?, ?, ?)"}.bind(key.tenant, key.id, number, role, content).run();
}

/// A folder of format 1 or 2: one conversation that only grew and ends in a message nobody answered, and a truncated
/// one.
void write_folder(const std::filesystem::path& folder, int format) {
  database db{folder / "registry.sqlite"};
  db.execute(tables_of(format).c_str());
  statement{db, "INSERT INTO tenants VALUES (?, ?)"}.bind("tenant-a", blob_of(salt)).run();
  add(db, format, grown, "user", 4, {}, 0, root, 100);
  add_part(db, grown, 0, {1, 20, 21});
  add_message(db, grown, 0, "system", "Be brief.");
  add_part(db, grown, 1, {30, 31});
  add_message(db, grown, 1, "user", "hello");
  add_part(db, grown, 2, tokens(120, 40));
  add_message(db, grown, 2, "assistant", "hi");
  add_part(db, grown, 3, {50});
  add_message(db, grown, 3, "user", "are you there?");
  add(db, format, truncated, "assistant", 3, {{1, 1}, {2, 2}}, 100, mark, 100);
  add_part(db, truncated, 0, tokens(110, 3));
  add_message(db, truncated, 0, "user", "a");
  add_message(db, truncated, 1, "user", "b");
  add_part(db, truncated, 1, {60, 61});
  add_message(db, truncated, 2, "assistant", "c");
}

/// What must be there, whichever way the folder came to this format.
void expect_taken_over(const std::filesystem::path& folder, int format) {
  SCOPED_TRACE("format " + std::to_string(format));
  auto store = open_registry(folder);
  auto record = store->load(grown);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->version, 4u);
  EXPECT_EQ(record->last_role, "user");
  kv::lineage window{.tokens = {1, 20, 21, 30, 31}, .root = root, .settled = 100, .keep = format == 1 ? 0u : 2u};
  window.tokens.resize(125, 40);
  window.tokens.push_back(50);
  EXPECT_EQ(record->window, window) << "its chunks are found under their keys as before";
  auto messages = store->read(grown, 0, 9);
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[3].content, "are you there?");
  EXPECT_EQ(messages[3].tokens, tokens{50});
  EXPECT_EQ(messages[1].tokens, (tokens{30, 31}));
  EXPECT_FALSE(messages[0].tokens) << "in one part with what stands before the first message";
  EXPECT_EQ(store->match("tenant-a", root, messages)->shared, 4u);
  EXPECT_EQ(store->tenant_salt("tenant-a"), salt);
  EXPECT_EQ(store->find_label(grown), conversation_label{}) << "nobody knows when it was made";
  EXPECT_EQ(store->list("tenant-a", "", 9).size(), 2u);
  record->window.tokens.push_back(51);
  EXPECT_EQ(store->write(grown, 1, {4, {{"user", "hello?", tokens{51}}}, record->window, false, {}}), 5u);
  auto keys = store->forget(grown);
  EXPECT_EQ(keys.size(), 2u) << "one whole chunk and the tail";

  auto fresh = store->load(truncated);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->window.tokens.size(), 112u);
  EXPECT_TRUE(fresh->window.kept.empty()) << "they cannot be computed again as they were";
  EXPECT_EQ(fresh->window.settled, 0u);
  EXPECT_EQ(fresh->window.root, kv::chunk_key{}) << "to be filled in";
  EXPECT_EQ(store->forget(truncated).size(), 2u);
}

TEST(RegistryFormat, FoldersOfEveryEarlierFormatAreTakenOver) {
  for (int format : {1, 2}) {
    test::temporary_folder folder;
    write_folder(folder.path(), format);
    { open_registry(folder.path()); }
    for (const auto& f : fsck::check({.folder = folder.path()}).findings)
      EXPECT_EQ(f.what.find("description"), std::string::npos) << f.what << ": it is that of a new folder";
    expect_taken_over(folder.path(), format);
  }
}

TEST(RegistryFormat, AnEarlierProgramKilledBetweenColumnsAndNumberIsUnderstood) {
  test::temporary_folder folder;
  write_folder(folder.path(), 1);
  database{folder / "registry.sqlite"}.execute("ALTER TABLE conversations ADD COLUMN keep INTEGER NOT NULL DEFAULT 0");
  expect_taken_over(folder.path(), 1);
  for (auto number : {"0", "1", "2"}) {
    test::temporary_folder today;
    { open_registry(today.path())->write(grown, 0, {0, {}, {.tokens = {1}, .root = root}, false, {}}); }
    database{today / "registry.sqlite"}.execute((std::string{"PRAGMA user_version = "} + number).c_str());
    EXPECT_EQ(open_registry(today.path())->load(grown)->window.tokens, tokens{1}) << number;
  }
}

TEST(RegistryFormat, AFolderOfTheFormatBeforePointsIsTakenOver) {
  test::temporary_folder folder;
  { open_registry(folder.path())->write(grown, 0, {0, {}, {.tokens = {1}, .root = root}, false, {}}); }
  for (auto sql : {"DROP INDEX conversations_used", "ALTER TABLE conversations DROP COLUMN used", "DROP TABLE points",
                   "PRAGMA user_version = 3"})
    database{folder / "registry.sqlite"}.execute(sql);
  auto store = open_registry(folder.path());
  EXPECT_EQ(store->load(grown)->window.tokens, tokens{1});
  EXPECT_EQ(store->oldest(grown.tenant, grown.id, 9).size(), 1u);
  store->put_point(grown.tenant, "one", {grown.id, 0, {}});
  EXPECT_TRUE(store->find_point(grown.tenant, "one"));
}

TEST(RegistryFormat, AFolderOfTheFormatBeforeArchivesIsTakenOver) {
  test::temporary_folder folder;
  std::vector<stored_message> said{{"user", "hello", tokens{1}}};
  { open_registry(folder.path())->write(grown, 0, {0, said, {.tokens = {1}, .root = root}, false, {}}); }
  for (auto sql : {"DROP TABLE archive_keys", "DROP TABLE archive_jobs", "PRAGMA user_version = 5"})
    database{folder / "registry.sqlite"}.execute(sql);
  auto store = open_registry(folder.path());
  EXPECT_EQ(store->load(grown)->window.tokens, tokens{1});
  EXPECT_EQ(store->match("tenant-a", root, said)->shared, 1u);
  auto number = store->archives().add({.tenant = grown.tenant, .id = grown.id});
  EXPECT_EQ(number, 1u);
  archive_key key{.name = {std::byte{1}}};
  EXPECT_EQ(store->archives().keep_key(grown, key), key);
  store = nullptr;
  EXPECT_EQ(open_registry(folder.path())->archives().find(number)->id, grown.id);
  EXPECT_TRUE(fsck::check({.folder = folder.path()}).sound());
}

TEST(RegistryFormat, AFolderOfTheFormatBeforeLabelsIsTakenOver) {
  test::temporary_folder folder;
  { open_registry(folder.path())->write(grown, 0, {0, {}, {.tokens = {1}, .root = root}, false, {}}); }
  for (auto sql : {"DROP TABLE labels", "PRAGMA user_version = 6"}) database{folder / "registry.sqlite"}.execute(sql);
  const conversation_label label{5, "{}"};
  {
    auto store = open_registry(folder.path());
    EXPECT_EQ(store->load(grown)->window.tokens, tokens{1});
    EXPECT_EQ(store->find_label(grown), conversation_label{});
    store->put_label(grown, label);
  }
  EXPECT_EQ(open_registry(folder.path())->find_label(grown), label);
  EXPECT_TRUE(fsck::check({.folder = folder.path()}).sound());
}

TEST(RegistryFormat, JobsOfTheFormatBeforeKeysAndValuesGoOn) {
  test::temporary_folder folder;
  archive_job job{.tenant = grown.tenant, .id = grown.id, .version = 3, .tube = "tube"};
  job.number = open_registry(folder.path())->archives().add(job);
  for (auto sql : {"ALTER TABLE archive_jobs DROP COLUMN kv", "ALTER TABLE archive_jobs DROP COLUMN note",
                   "PRAGMA user_version = 7"})
    database{folder / "registry.sqlite"}.execute(sql);
  EXPECT_EQ(open_registry(folder.path())->archives().find(job.number), job);
  EXPECT_TRUE(fsck::check({.folder = folder.path()}).sound());
}

TEST(RegistryFormat, HashesOfWholeMessagesAreMadeAgain) {
  test::temporary_folder folder;
  {
    std::vector<stored_message> said{{"user", "hello\n", tokens{1}}, {"assistant", "hi", tokens{1}}};
    open_registry(folder.path())->write(grown, 0, {0, said, {.tokens = {1, 1}, .root = root}, false, {}});
    database db{folder / "registry.sqlite"};
    statement{db, "UPDATE messages SET chain = ?"}.bind(blob_of(kv::hash128{1, 2})).run();
    db.execute("PRAGMA user_version = 4");
  }
  std::vector<stored_message> wanted{{"user", "hello", {}}, {"assistant", "hi", {}}};
  EXPECT_EQ(open_registry(folder.path())->match("tenant-a", root, wanted)->shared, 2u);
}

TEST(RegistryFormat, AChangeOfFormatThatFailsLeavesTheFolderAsItWas) {
  for (int format : {1, 2}) {
    test::temporary_folder folder;
    write_folder(folder.path(), format);
    {
      database db{folder / "registry.sqlite"};
      db.execute("CREATE TRIGGER full BEFORE UPDATE ON conversations BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    }
    EXPECT_THROW(open_registry(folder.path()), open_error);
    {
      database db{folder / "registry.sqlite"};
      statement number{db, "PRAGMA user_version"};
      ASSERT_TRUE(number.step());
      EXPECT_EQ(number.integer(0), format);
      statement column{db, "SELECT 1 FROM pragma_table_info('messages') WHERE name = 'chain'"};
      EXPECT_FALSE(column.step());
      statement table{db, "SELECT 1 FROM sqlite_schema WHERE name = 'cuts'"};
      EXPECT_FALSE(table.step());
    }
    database{folder / "registry.sqlite"}.execute("DROP TRIGGER full");
    expect_taken_over(folder.path(), format);
  }
}

TEST(RegistryFormat, AConversationThatIsDamagedAlreadyHoldsUpNoOther) {
  test::temporary_folder folder;
  write_folder(folder.path(), 2);
  database{folder / "registry.sqlite"}.execute("UPDATE conversations SET kept = x'00' WHERE id = 'truncated'");
  auto store = open_registry(folder.path());
  EXPECT_TRUE(store->load(grown));
  EXPECT_THROW(store->load(truncated), damaged_conversation);
}

TEST(RegistryFormat, ANewerFormatIsRefused) {
  test::temporary_folder folder;
  { open_registry(folder.path()); }
  database{folder / "registry.sqlite"}.execute("PRAGMA user_version = 99");
  EXPECT_THROW(open_registry(folder.path()), open_error);
}

}  // namespace
}  // namespace chromatin::io
