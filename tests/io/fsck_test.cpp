#include "io/fsck/fsck.hpp"

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/sqlite.hpp"
#include "io/store_folder.hpp"
#include "tests/io/fsck_words.hpp"
#include "tests/io/store_at_rest.hpp"
#include "tests/support/reason.hpp"

namespace chromatin::io {
namespace {

using test::reason;
using test_store::store_at_rest;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// All files but the lock, and their bytes.
std::map<std::string, std::string> content(const std::filesystem::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    auto name = file.path().filename().string();
    if (name == "lock" || name.ends_with("-shm")) continue;
    std::stringstream text;
    text << std::ifstream{file.path(), std::ios::binary}.rdbuf();
    all[name] = text.str();
  }
  return all;
}

/// The report says this, and after a repair nothing is wrong any more.
void expect_found_and_mended(const store_at_rest& at, const std::string& words) {
  auto before = content(at.path());
  EXPECT_THAT(lines(check(at)), Contains(HasSubstr(words)));
  EXPECT_FALSE(check(at).sound());
  EXPECT_EQ(content(at.path()), before) << "who only looks changes nothing";
  EXPECT_THAT(lines(check(at, true)), Contains(HasSubstr(words)));
  EXPECT_TRUE(check(at).sound()) << testing::PrintToString(lines(check(at)));
}

TEST(Fsck, ASoundStoreIsSoundAndStaysAsItIs) {
  store_at_rest at;
  auto before = content(at.path());
  auto r = check(at);
  EXPECT_THAT(lines(r), IsEmpty());
  EXPECT_EQ(r.conversations, static_cast<std::int64_t>(at.conversations().size()));
  EXPECT_EQ(r.chunks, static_cast<std::int64_t>(at.chunks()));
  EXPECT_GT(r.messages, 40);
  EXPECT_EQ(content(at.path()), before);
  EXPECT_THAT(lines(check(at, true)), IsEmpty());
}

TEST(Fsck, AStoreThatAServerHasIsRefusedAndAnEmptyFolderIsNone) {
  store_at_rest at;
  {
    folder_lock server{at.path()};
    EXPECT_THAT(reason([&] { check(at); }), HasSubstr("in use by process"));
  }
  test::temporary_folder empty;
  EXPECT_THAT(reason([&] { fsck::check({.folder = empty.path()}); }), HasSubstr("no store is there"));
}

TEST(Fsck, AChunkWithAWrongBitIsDroppedAndNoOther) {
  store_at_rest at;
  at.flip("segment-0000.kv", (test_store::shape.chunk_bytes() + 100) * 8);
  expect_found_and_mended(at, "its bytes do not match their checksum");
  EXPECT_EQ(check(at).chunks, static_cast<std::int64_t>(at.chunks()) - 1);
}

TEST(Fsck, ASegmentThatIsGoneOrCutCostsItsChunks) {
  for (auto left : {0ul, 5 * test_store::shape.chunk_bytes()}) {
    store_at_rest at;
    left == 0  ? std::filesystem::remove(at / "segment-0000.kv"),
        void() : std::filesystem::resize_file(at / "segment-0000.kv", left);
    expect_found_and_mended(at, "stand beyond the segment files");
    EXPECT_EQ(check(at).chunks, left == 0 ? 0 : 5);
  }
}

TEST(Fsck, ADamagedCatalogueItsIndexOrItsDescriptionIsPutAside) {
  for (auto which : {"name = 'chunks'", "type = 'index' AND tbl_name = 'chunks'", "name = 'meta'"}) {
    SCOPED_TRACE(which);
    store_at_rest at;
    at.zero_page("catalog.sqlite", which);
    expect_found_and_mended(at, "damage: catalog.sqlite");
    EXPECT_TRUE(std::filesystem::exists(at / "catalog.sqlite.damaged"));
  }
  store_at_rest at;
  at.sql("catalog.sqlite", "UPDATE meta SET value = replace(value, 'a', 'b') || 'b' WHERE name = 'model'");
  expect_found_and_mended(at, "model and geometry");
}

TEST(Fsck, RowsOfTheCatalogueWithImpossibleValuesAreDropped) {
  store_at_rest at;
  at.sql("catalog.sqlite", "UPDATE chunks SET checksums = x'0102' WHERE slot = 3");
  at.sql("catalog.sqlite", "UPDATE chunks SET fill = 65 WHERE slot = 4");
  expect_found_and_mended(at, "2 chunks have impossible values");
}

TEST(Fsck, ADamagedConversationIsCutBackToWhatIsRight) {
  for (std::string sql :
       {"messages SET content = 'other' WHERE number = 3 AND", "messages SET tokens = zeroblob(8) WHERE number = 3 AND",
        "tokens SET tokens = zeroblob(240) WHERE part = 1 AND", "messages SET number = 30 WHERE number = 3 AND",
        "tokens SET tokens = substr(tokens, 1, 100) WHERE part = 1 AND"}) {
    SCOPED_TRACE(sql);
    store_at_rest at;
    auto first_turn = test_store::tell(*open_registry(at.path()), {"alice", "talk-2"});
    at.sql("registry.sqlite", "UPDATE " + sql + " tenant = 'alice' AND id = 'talk-2'");
    expect_found_and_mended(at, "conversation talk-2 of tenant alice");
    auto left = test_store::tell(*open_registry(at.path()), {"alice", "talk-2"});
    EXPECT_EQ(left.record.messages, 2u);
    EXPECT_EQ(left.record.window.tokens, (std::vector<kv::token_id>{first_turn.record.window.tokens.begin(),
                                                                    first_turn.record.window.tokens.begin() + 61}));
    EXPECT_EQ(left.record.window.settled, 0u) << "the tail of a longer window has another key";
    EXPECT_EQ(left.messages.at(1).content, first_turn.messages.at(1).content);
  }
}

TEST(Fsck, AConversationOfWhichOnlyTheDescriptionIsDamagedLosesNothing) {
  for (std::string sql : {"UPDATE conversations SET settled = 3 WHERE tenant = 'bob' AND id = 'talk-1'",
                          "DELETE FROM conversations WHERE tenant = 'bob' AND id = 'talk-1'",
                          "UPDATE messages SET chain = x'00' WHERE tenant = 'bob' AND id = 'talk-1'"}) {
    SCOPED_TRACE(sql);
    store_at_rest at;
    auto before = test_store::tell(*open_registry(at.path()), {"bob", "talk-1"});
    at.sql("registry.sqlite", sql);
    expect_found_and_mended(at, "conversation talk-1 of tenant bob");
    auto after = test_store::tell(*open_registry(at.path()), {"bob", "talk-1"});
    EXPECT_EQ(after.record.window.tokens, before.record.window.tokens);
    EXPECT_EQ(after.record.messages, before.record.messages);
  }
}

TEST(Fsck, AConversationOfWhichNothingIsRightStaysAndIsRefused) {
  store_at_rest at;
  at.sql("registry.sqlite", "UPDATE messages SET content = 'x' WHERE tenant = 'bob' AND id = 'talk-1'");
  EXPECT_THAT(lines(check(at, true)), Contains(AllOf(HasSubstr("talk-1 of tenant bob"), HasSubstr("forget it"))));
  EXPECT_FALSE(check(at).sound());
  auto registry = open_registry(at.path());
  EXPECT_THROW(registry->read({"bob", "talk-1"}, 0, 9), damaged_conversation);
  registry->forget({"bob", "talk-1"});
  EXPECT_TRUE(check(at).sound());
}

TEST(Fsck, WhatCanBeReadOfADamagedRegistryIsKept) {
  for (auto which : {"name = 'messages_chain'", "name = 'chunks_of'", "name = 'cuts'", "name = 'chunks'"}) {
    SCOPED_TRACE(which);
    store_at_rest at;
    at.zero_page("registry.sqlite", which);
    EXPECT_FALSE(check(at).sound());
    EXPECT_THAT(lines(check(at, true)), Contains(HasSubstr("kept as registry.sqlite.damaged")));
    auto registry = open_registry(at.path());
    for (const auto& key : at.conversations())
      if (key.id != "talk-3" && key.id != "fork") {  // the table of cuts was zeroed, and those were truncated
        EXPECT_GT(test_store::tell(*registry, key).messages.size(), 0u) << key.id;
      }
  }
  store_at_rest at;
  at.overwrite("registry.sqlite", 0, std::string(100, 'x'));
  EXPECT_THAT(lines(check(at)), Contains(HasSubstr("cannot be read")));
  EXPECT_THAT(lines(check(at, true)), Contains(HasSubstr("registry.sqlite.damaged")));
  EXPECT_TRUE(check(at).sound());
}

TEST(Fsck, AChangedLetterInTheDescriptionOfATableIsDamage) {
  for (std::string file : {"registry.sqlite", "catalog.sqlite"})
    for (auto column : {"checksum", "checksums", "tokens", "slot", "salt", "value"}) {
      store_at_rest at;
      bool changed = false;
      for (auto table : {"messages", "conversations", "tenants", "chunks", "meta"}) try {
          at.sql(file, std::string{"ALTER TABLE "} + table + " RENAME COLUMN " + column + " TO changed");
          changed = true;
          break;
        } catch (const sqlite_error&) {
        }
      EXPECT_EQ(check(at).sound(), !changed) << file << " " << column;
      check(at, true);
      EXPECT_EQ(reason([&] { open_registry(at.path()); }), "no error") << file << " " << column;
      EXPECT_EQ(reason([&] {
                  chunk_store({at.path(), 24 * test_store::shape.chunk_bytes(), test_store::shape, test_store::model});
                }),
                "no error");
    }
}

TEST(Fsck, AChangedLetterInTheDescriptionOfATableCostsNoConversation) {
  for (std::string words : {"content TEXT", "messages (tenant", "number INTEGER, role", "CREATE TABLE messages",
                            "CREATE TABLE conversations", "tokens BLOB", "salt BLOB", "WITHOUT ROWID"}) {
    SCOPED_TRACE(words);
    store_at_rest at;
    std::vector<test_store::told> truth;
    {
      auto registry = open_registry(at.path());
      for (const auto& key : at.conversations()) truth.push_back(test_store::tell(*registry, key));
    }
    auto place = content(at.path()).at("registry.sqlite").find(words);
    ASSERT_NE(place, std::string::npos);
    at.flip("registry.sqlite", place * 8 + 3);
    EXPECT_FALSE(check(at).sound());
    check(at, true);
    EXPECT_TRUE(check(at).sound()) << testing::PrintToString(lines(check(at)));
    auto registry = open_registry(at.path());
    for (std::size_t i = 0; i < truth.size(); ++i)
      EXPECT_EQ(test_store::tell(*registry, at.conversations()[i]), truth[i]) << at.conversations()[i].id;
  }
}

TEST(Fsck, AWrongBitInTheLogIsFoundThoughSqlitePassesOverIt) {
  for (auto file : {"registry.sqlite", "catalog.sqlite"}) {
    store_at_rest at;
    test::temporary_folder copy;
    {
      database keeps_the_log{at / file};
      at.sql(file, "CREATE TABLE one (x)");
      at.sql(file, "CREATE TABLE two (x)");
      for (auto beside : {"", "-wal"})
        std::filesystem::copy_file((at / file).string() + beside, copy / (std::string{file} + beside));
    }
    for (auto beside : {"", "-wal"})
      std::filesystem::copy_file(copy / (std::string{file} + beside), (at / file).string() + beside,
                                 std::filesystem::copy_options::overwrite_existing);
    EXPECT_TRUE(check(at).sound());
    at.flip(std::string{file} + "-wal", 8 * 5000);
    expect_found_and_mended(at, "of the log is not what was written");
    at.overwrite(std::string{file} + "-wal", 0, "x");
  }
}

TEST(Fsck, AFileThatOthersCanReadIsFoundAndStrangersAreLeftAlone) {
  store_at_rest at;
  ::chmod((at / "registry.sqlite").c_str(), 0644);
  ::chmod(at.path().c_str(), 0755);
  std::ofstream{at / "stranger"} << "hello";
  std::ofstream{at / device_algorithms_file} << "of a device";
  auto all = lines(check(at));
  EXPECT_THAT(all, Contains(HasSubstr("open: registry.sqlite: its mode is 644")));
  EXPECT_THAT(all, Contains(HasSubstr("open: the folder")));
  EXPECT_THAT(all, Contains(HasSubstr("note: stranger: belongs to nobody")));
  EXPECT_THAT(all, Not(Contains(HasSubstr(device_algorithms_file))));
  check(at, true);
  EXPECT_TRUE(check(at).sound());
  EXPECT_TRUE(std::filesystem::exists(at / "stranger"));
}

TEST(Fsck, ChunksThatNoConversationNamesAreANoteAndGoWithARepair) {
  store_at_rest at;
  open_registry(at.path())->forget({"alice", "talk-0"});
  EXPECT_TRUE(check(at).sound());
  EXPECT_THAT(lines(check(at)), Contains(HasSubstr("chunks that no conversation names")));
  check(at, true);
  EXPECT_THAT(lines(check(at)), IsEmpty());
}

TEST(Fsck, APointThatLeadsNowhereOrIsNotWhatWasWrittenIsDropped) {
  store_at_rest at;
  {
    auto store = open_registry(at.path());
    const auto& key = at.conversations().front();
    for (auto name : {"good", "wrong", "far"}) store->put_point(key.tenant, name, {key.id, 1, "note"});
    store->put_point(key.tenant, "far", {key.id, 1000, "note"});
    store->put_point(key.tenant, "lost", {"nobody", 1, "note"});
  }
  at.sql("registry.sqlite", "UPDATE points SET note = 'another' WHERE name = 'wrong'");
  auto all = lines(check(at, true));
  for (auto name : {"wrong", "far", "lost"}) EXPECT_THAT(all, Contains(HasSubstr("point " + std::string{name})));
  EXPECT_THAT(all, Not(Contains(HasSubstr("point good"))));
  EXPECT_THAT(lines(check(at)), IsEmpty());
  EXPECT_TRUE(open_registry(at.path())->find_point(at.conversations().front().tenant, "good"));
}

TEST(Fsck, ALabelOfNoConversationOrThatIsNotWhatWasWrittenIsDropped) {
  store_at_rest at;
  auto keys = at.conversations();
  {
    auto store = open_registry(at.path());
    for (const auto& key : {keys[0], keys[1], conversation_key{keys[0].tenant, "nobody"}})
      store->put_label(key, {7, {}});
  }
  at.sql("registry.sqlite",
         "UPDATE labels SET created = 8 WHERE tenant = '" + keys[1].tenant + "' AND id = '" + keys[1].id + "'");
  auto all = lines(check(at, true));
  EXPECT_THAT(all, Contains(HasSubstr("label of conversation " + keys[1].id + " of tenant " + keys[1].tenant)));
  EXPECT_THAT(all, Contains(HasSubstr("label of conversation nobody")));
  EXPECT_EQ(all.size(), 2u);
  EXPECT_THAT(lines(check(at)), IsEmpty());
  EXPECT_EQ(open_registry(at.path())->find_label(keys[0]).created_s, 7);
}

TEST(Fsck, AFormatThatIsNotKnownIsSaidAndNothingIsChanged) {
  store_at_rest at;
  at.sql("registry.sqlite", "PRAGMA user_version = 10");
  at.sql("catalog.sqlite", "UPDATE meta SET value = '9' WHERE name = 'format'");
  auto before = content(at.path());
  auto all = lines(check(at, true));
  EXPECT_THAT(all, Contains(HasSubstr("its format 10 is not known")));
  EXPECT_THAT(all, Contains(HasSubstr("its format 9 is not known")));
  EXPECT_EQ(content(at.path()), before);
}

TEST(Fsck, ATokenThatTheModelDoesNotHaveIsDamageWhereTheVocabularyIsKnown) {
  store_at_rest at;
  EXPECT_TRUE(fsck::check({.folder = at.path()}).sound());
  EXPECT_FALSE(fsck::check({.folder = at.path(), .vocabulary = 500}).sound());
}

}  // namespace
}  // namespace chromatin::io
