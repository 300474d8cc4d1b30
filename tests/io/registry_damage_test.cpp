// What is wrong in registry.sqlite is found when it is read.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/sqlite.hpp"
#include "tests/io/registry_talk.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

using test::reason;
using testing::HasSubstr;

/// Two conversations, one of them truncated, in a folder whose file can be changed behind the store's back.
struct damaged_folder {
  test::temporary_folder folder;
  std::unique_ptr<registry_store> store = open_registry(folder.path());

  damaged_folder() {
    talk t{*store};
    t.say({user("hello", tokens(300, 3))});
    t.window.settled = 300;
    kv::truncate(t.window, 0, 0.5);
    t.replace();
    t.say({assistant("hi", {12, 2})});
    talk{*store, {"tenant-a", "sound"}}.say({user("hello", {10, 11})});
  }
  void change(const std::string& sql) {
    database other{folder / "registry.sqlite"};
    other.execute(("UPDATE " + sql + " WHERE id = 'talk'").c_str());
  }
  std::string load() {
    return reason([&] { store->load(alice); });
  }
};

TEST(RegistryStore, AWrongValueIsFoundAndNeverAnAnswer) {
  for (std::string sql : {"tokens SET tokens = substr(tokens, 1, 4) || x'ff' || substr(tokens, 6)",
                          "tokens SET tokens = substr(tokens, 5)", "tokens SET part = part + 10",
                          "conversations SET settled = settled + 64", "conversations SET keep = 1",
                          "conversations SET version = version + 1", "conversations SET kept = zeroblob(length(kept))",
                          "conversations SET parent = zeroblob(16)", "conversations SET last_role = 'user'",
                          "conversations SET id = 'talj'", "cuts SET at_tokens = at_tokens - 1",
                          "cuts SET dropped = zeroblob(length(dropped))", "cuts SET number = 1"}) {
    damaged_folder f;
    f.change(sql);
    EXPECT_THAT(f.load(), testing::AllOf(HasSubstr("talk is damaged"), HasSubstr("forget it"))) << sql;
    EXPECT_TRUE(f.store->load({"tenant-a", "sound"})) << sql;
    f.store->forget(alice);
    EXPECT_EQ(f.load(), "no error") << "it can be forgotten: " << sql;
  }
}

TEST(RegistryStore, AMissingRowIsFound) {
  for (auto table : {"tokens", "cuts"}) {
    damaged_folder f;
    database{f.folder / "registry.sqlite"}.execute(
        (std::string{"DELETE FROM "} + table + " WHERE id = 'talk'").c_str());
    EXPECT_THAT(f.load(), HasSubstr("talk is damaged")) << table;
  }
}

TEST(RegistryStore, AWrongMessageIsFoundWhenItIsRead) {
  for (std::string sql : {"messages SET content = 'hellO'", "messages SET role = 'user'",
                          "messages SET tokens = zeroblob(8)", "messages SET checksum = NULL"}) {
    damaged_folder f;
    f.change(sql);
    EXPECT_THAT(reason([&] { f.store->read(alice, 0, 9); }), HasSubstr("is damaged")) << sql;
    EXPECT_EQ(f.load(), "no error") << "the window is another thing: " << sql;
  }
}

TEST(RegistryStore, AMessageThatIsMissingAtTheEndIsFoundWhenItIsReadOrForked) {
  damaged_folder f;
  database{f.folder / "registry.sqlite"}.execute("DELETE FROM messages WHERE id = 'talk' AND number = 1");
  EXPECT_EQ(f.store->read(alice, 0, 1).size(), 1u);
  EXPECT_THAT(reason([&] { f.store->read(alice, 0, 2); }), HasSubstr("message 1 is"));
  EXPECT_THAT(reason([&] { f.store->fork(alice, "copy", 2, f.store->load(alice)->window, {}); }),
              HasSubstr("is damaged"));
  EXPECT_FALSE(f.store->find({"tenant-a", "copy"}));
}

TEST(RegistryStore, ARowThatStrayedInFromAnotherConversationIsNotShown) {
  damaged_folder f;
  database{f.folder / "registry.sqlite"}.execute("UPDATE messages SET id = 'sound' WHERE id = 'talk' AND number = 1");
  EXPECT_THAT(reason([&] { f.store->read(alice, 0, 9); }), HasSubstr("message 1 is"));
  conversation_key sound{"tenant-a", "sound"};
  EXPECT_EQ(f.store->read(sound, 0, 9).size(), 1u);
  talk t{*f.store, sound, f.store->load(sound)->window, 1};
  t.say({assistant("yes?", {5})});
  EXPECT_EQ(f.store->read(sound, 0, 9).at(1).content, "yes?");
}

TEST(RegistryStore, APartOfAWindowThatIsThereTwiceIsDamage) {
  damaged_folder f;
  database{f.folder / "registry.sqlite"}.execute(
      "INSERT INTO tokens SELECT tenant, id, part + 7, x'', checksum FROM tokens WHERE id = 'talk' LIMIT 1");
  EXPECT_THAT(f.load(), HasSubstr("talk is damaged"));
}

TEST(RegistryStore, ATokenThatTheModelDoesNotHaveIsDamage) {
  test::temporary_folder folder;
  {
    auto store = open_registry(folder.path());
    talk t{*store}, in_a_message{*store, {"tenant-a", "message"}}, dropped{*store, {"tenant-a", "dropped"}},
        sound{*store, {"tenant-a", "sound"}};
    t.say({user("a", {99, 100})});
    in_a_message.version = store->write(in_a_message.key, turn, {0, {user("a", {100})}, opening, true, {}});
    dropped.say({user("a", tokens(300, 100))});
    dropped.window.settled = 300;
    kv::truncate(dropped.window, 0, 1);
    std::ranges::fill(dropped.window.tokens, 5);
    dropped.replace();
    sound.say({user("a", {99})});
  }
  auto store = open_registry(folder.path(), random_salts(), 100);
  EXPECT_THAT(reason([&] { store->load(alice); }), HasSubstr("talk is damaged"));
  EXPECT_THAT(reason([&] { store->load({"tenant-a", "dropped"}); }), HasSubstr("dropped is damaged"));
  EXPECT_THAT(reason([&] { store->read({"tenant-a", "message"}, 0, 9); }), HasSubstr("message is damaged"));
  EXPECT_TRUE(store->load({"tenant-a", "sound"}));
  EXPECT_EQ(store->read({"tenant-a", "sound"}, 0, 9).size(), 1u);
}

TEST(RegistryStore, AMatchIsWhatWasSaidWhateverTheIndexSays) {
  damaged_folder f;
  std::vector<stored_message> said{user("hello", {}), assistant("hi", {})};
  EXPECT_EQ(f.store->match("tenant-a", opening.root, said)->id, "talk");
  f.change("messages SET chain = (SELECT chain FROM messages WHERE id = 'sound')");
  ASSERT_TRUE(f.store->match("tenant-a", opening.root, std::vector{user("hello", {})}));
  database{f.folder / "registry.sqlite"}.execute("UPDATE messages SET content = 'other', chain = x'00'");
  auto chain = next_message_hash({}, "user", "hello");
  database other{f.folder / "registry.sqlite"};
  statement{other, "UPDATE messages SET chain = ?"}.bind(blob_of(chain)).run();
  EXPECT_FALSE(f.store->match("tenant-a", opening.root, said));
}

TEST(RegistryStore, AListGoesOnBesideADamagedConversation) {
  damaged_folder f;
  f.change("conversations SET settled = 1");
  auto all = f.store->list("tenant-a", "", 9);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_FALSE(all[0].damaged);
  EXPECT_TRUE(all[1].damaged);
}

TEST(RegistryStore, WithoutATableEveryCallIsAnError) {
  damaged_folder f;
  database{f.folder / "registry.sqlite"}.execute("ALTER TABLE conversations RENAME TO gone");
  EXPECT_THROW(f.store->conversations(), sqlite_error);
  EXPECT_THROW(f.store->load(alice), sqlite_error);
}

}  // namespace
}  // namespace chromatin::io
