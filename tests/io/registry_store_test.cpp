#include "io/registry_store.hpp"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/device.hpp"
#include "io/sqlite.hpp"
#include "tests/io/registry_talk.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using test::reason;

TEST(RegistryStore, WhatWasWrittenIsThereAfterReopening) {
  test::temporary_folder folder;
  kv::lineage window;
  {
    auto store = open_registry(folder.path());
    talk t{*store};
    t.say({user("hello", {10, 11})});
    t.window.settled = 4;
    t.say({assistant("hi", {12, 2})});
    window = t.window;
  }
  auto store = open_registry(folder.path());
  auto record = store->load(alice);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->version, 2u);
  EXPECT_EQ(record->messages, 2u);
  EXPECT_EQ(record->last_role, "assistant");
  EXPECT_EQ(record->tokens, 5u);
  EXPECT_EQ(record->window, window);
  auto messages = store->read(alice, 0, 10);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[1].content, "hi");
  EXPECT_EQ(messages[1].tokens, (tokens{12, 2}));
}

TEST(RegistryStore, ABatchIsStoredAsAWholeOrNotAtAll) {
  test::temporary_folder folder;
  auto stored = [&] {
    database other{folder / "registry.sqlite"};
    statement count{other, "SELECT count(*) FROM conversations"};
    count.step();
    return count.integer(0);
  };
  {
    auto store = open_registry(folder.path());
    store->begin();
    talk one{*store}, two{*store, {"tenant-a", "two"}};
    one.say({user("hello", {10})});
    EXPECT_THROW(store->write(alice, turn, {7, {}, opening, false, {}}), version_conflict);
    two.say({user("hello", {10})});
    EXPECT_TRUE(store->find(alice)) << "reads see it at once";
    EXPECT_EQ(stored(), 0);
    store->commit();
    EXPECT_EQ(stored(), 2);
    store->begin();
    talk{*store, {"tenant-a", "three"}}.say({user("hello", {10})});
  }
  EXPECT_EQ(stored(), 2) << "a process that ends before the commit has written nothing";
}

TEST(RegistryStore, AChangeForAnOldVersionIsRefusedAndChangesNothing) {
  auto store = open_registry({});
  talk t{*store};
  t.say({user("a", {10})});
  auto late = t;
  t.say({assistant("b", {11})});
  EXPECT_THROW(late.say({assistant("c", {12})}), version_conflict);
  EXPECT_THROW(store->write(alice, turn, {0, {}, opening, false, {}}), version_conflict) << "it exists already";
  EXPECT_EQ(store->load(alice)->window, t.window);
  EXPECT_EQ(store->load(alice)->messages, 2u);
}

TEST(RegistryStore, ATruncatedWindowKeepsItsKeysAndItsPast) {
  test::temporary_folder folder;
  kv::lineage window;
  {
    auto store = open_registry(folder.path());
    talk t{*store};
    t.say({user("a", tokens(500, 3))});
    t.window.settled = 490;
    for (int i = 0; i < 2; ++i) {
      ASSERT_GT(kv::truncate(t.window, 0, 0.3), 0u);
      t.replace();
      t.say({assistant("b", tokens(30, 9))});
    }
    window = t.window;
  }
  auto store = open_registry(folder.path());
  EXPECT_EQ(store->load(alice)->window, window);
  EXPECT_EQ(kv::history(store->load(alice)->window).size(), 2u);
  auto messages = store->read(alice, 0, 10);
  EXPECT_EQ(messages[0].tokens, tokens(500, 3)) << "a truncation leaves messages whole";
  EXPECT_EQ(messages.size(), 3u);
}

TEST(RegistryStore, TenantsDoNotSeeEachOther) {
  auto store = open_registry({});
  talk a{*store}, b{*store, {"tenant-b", "talk"}};
  a.say({user("hello", {10})});
  EXPECT_FALSE(store->load(b.key));
  EXPECT_FALSE(store->match("tenant-b", opening.root, std::vector{user("hello", {})}));
  b.say({user("hello", {10})});
  store->forget(b.key);
  EXPECT_TRUE(store->load(alice));
  EXPECT_THAT(store->list("tenant-b", "", 10), testing::IsEmpty());
}

TEST(RegistryStore, ATenantsSaltIsMadeOnceAndKept) {
  test::temporary_folder folder;
  auto first = open_registry(folder.path())->tenant_salt("a");
  auto again = open_registry(folder.path(), secret_salts("sixteen letters."));
  EXPECT_EQ(again->tenant_salt("a"), first) << "a tenant that was there keeps its salt";
  EXPECT_EQ(again->tenant_salt("b"), secret_salts("sixteen letters.")("b"));
  EXPECT_NE(again->tenant_salt("b"), first);
}

TEST(RegistryStore, MessagesAreReadFromAnyNumberOn) {
  auto store = open_registry({});
  talk t{*store};
  for (int i = 0; i < 5; ++i) t.say({user(std::to_string(i), {1})});
  auto page = store->read(alice, 2, 2);
  ASSERT_EQ(page.size(), 2u);
  EXPECT_EQ(page[0].content, "2");
  EXPECT_TRUE(store->read(alice, 5, 2).empty());
}

TEST(RegistryStore, MessagesAreMatchedByTheLongestSharedBeginning) {
  auto store = open_registry({});
  auto said = [](std::initializer_list<const char*> texts) {
    std::vector<stored_message> all;
    for (auto text : texts) all.push_back(all.size() % 2 ? assistant(text, {1}) : user(text, {1}));
    return all;
  };
  talk{*store, {"tenant-a", "long"}}.say(said({"hello", "hi", "how much", "ten", "thanks", "bye"}));
  talk{*store, {"tenant-a", "short"}}.say(said({"hello", "hi", "how much", "ten"}));
  talk{*store, {"tenant-a", "other"}}.say(said({"hello", "hey"}));
  auto found = store->match("tenant-a", opening.root, said({"hello", "hi", "how much", "ten", "and two?"}));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, "short") << "nothing has to be left out of it";
  EXPECT_EQ(found->shared, 4u);
  EXPECT_EQ(found->messages, 4u);
  EXPECT_EQ(store->match("tenant-a", opening.root, said({"hello", "hey", "x"}))->id, "other");
  EXPECT_FALSE(store->match("tenant-a", opening.root, said({"hi"})));
  std::vector<stored_message> by_another_role{{"assistant", "hello", {}}};
  EXPECT_FALSE(store->match("tenant-a", opening.root, by_another_role));
}

TEST(RegistryStore, WhatClientsDropOfMessagesDoesNotCount) {
  auto store = open_registry({});
  talk{*store}.say(
      {user("hello\n", {1}), assistant("<think>\nWho is it?\n</think>\n\n hi ", {1}), user("how much", {1})});
  auto shared = [&](const std::vector<stored_message>& said) {
    auto found = store->match("tenant-a", opening.root, said);
    return found ? found->shared : 0;
  };
  EXPECT_EQ(shared({user("hello", {}), assistant("hi", {}), user(" how much\r\n", {})}), 3u);
  EXPECT_EQ(shared({user("hello", {}), assistant("<think>Another thought</think>hi", {})}), 2u);
  EXPECT_EQ(shared({user("hello", {}), assistant("<think>\nWho is it?\n hi", {})}), 1u) << "no end of a thought";
  EXPECT_EQ(shared({user("hello", {}), assistant("h i", {})}), 1u);
  EXPECT_EQ(shared({user("<think></think>hello", {})}), 0u) << "a user's are words like others";
  EXPECT_EQ(shared({user("", {})}), 0u);
}

TEST(RegistryStore, AWindowOfAnotherRootIsNotFound) {
  auto store = open_registry({});
  talk{*store}.say({user("hello", {1})});
  EXPECT_TRUE(store->match("tenant-a", opening.root, std::vector{user("hello", {})}));
  EXPECT_FALSE(store->match("tenant-a", {1, 2}, std::vector{user("hello", {})}));
}

TEST(RegistryStore, AForkGoesItsOwnWay) {
  auto store = open_registry({});
  talk t{*store};
  t.say({user("a", {10}), assistant("b", {11}), user("c", {12})});
  EXPECT_TRUE(store->fork(alice, "copy", 3, t.window, {}));
  EXPECT_FALSE(store->fork(alice, "copy", 3, t.window, {}));
  talk copy{*store, {"tenant-a", "copy"}, t.window, 1};
  copy.say({assistant("d", {13})});
  EXPECT_EQ(store->load(copy.key)->window.tokens.size(), 5u);
  EXPECT_EQ(store->load(alice)->window.tokens.size(), 4u);
  EXPECT_EQ(store->match("tenant-a", opening.root, store->read(copy.key, 0, 9))->id, "copy");
}

TEST(RegistryStore, AForkCanEndBeforeAnyMessage) {
  auto store = open_registry({});
  talk t{*store};
  t.say({user("a", {10}), assistant("b", {11}), user("c", {12})});
  auto window = t.window;
  kv::shorten(window, 2);
  ASSERT_TRUE(store->fork(alice, "copy", 1, window, {}));
  conversation_key copy{"tenant-a", "copy"};
  EXPECT_EQ(store->load(copy)->last_role, "user");
  EXPECT_EQ(store->load(copy)->messages, 1u);
  EXPECT_EQ(store->load(copy)->window, window);
  EXPECT_EQ(store->read(copy, 0, 9).size(), 1u);
}

TEST(RegistryStore, ForgettingNamesTheChunksThatNobodyElseHas) {
  auto store = open_registry({});
  talk t{*store};
  t.say({user("a", {10})}, {{1, 1}, {2, 2}});
  t.say({assistant("b", {10})}, {{2, 2}, {3, 3}});
  store->note_chunks(alice, std::vector<kv::chunk_key>{{4, 4}});
  ASSERT_TRUE(store->fork(alice, "copy", 2, t.window, std::vector<kv::chunk_key>{{1, 1}, {2, 2}}));
  talk other_tenant{*store, {"tenant-b", "talk"}};
  other_tenant.say({user("a", {10})}, {{3, 3}});
  EXPECT_THAT(store->forget(alice), testing::UnorderedElementsAre(kv::chunk_key{3, 3}, kv::chunk_key{4, 4}));
  EXPECT_FALSE(store->find(alice));
  EXPECT_TRUE(store->read(alice, 0, 9).empty());
  EXPECT_THAT(store->forget({"tenant-a", "copy"}),
              testing::UnorderedElementsAre(kv::chunk_key{1, 1}, kv::chunk_key{2, 2}));
  EXPECT_TRUE(store->forget(alice).empty());
}

TEST(RegistryStore, APointHasANameAndGoesWithItsConversation) {
  test::temporary_folder folder;
  const conversation_point point{"talk", 2, "a note"}, later{"talk", 3, ""};
  {
    auto store = open_registry(folder.path());
    talk t{*store};
    t.say({user("a", {10}), assistant("b", {11}), user("c", {12})});
    store->put_point("tenant-a", "one", point);
    store->put_point("tenant-a", "two", later);
  }
  auto store = open_registry(folder.path());
  EXPECT_EQ(store->find_point("tenant-a", "one"), point);
  EXPECT_EQ(store->find_point("tenant-b", "one"), std::nullopt);
  EXPECT_EQ(store->find_point("tenant-a", "three"), std::nullopt);
  EXPECT_EQ(store->forget_point("tenant-a", "one"), 1u) << "the other one";
  EXPECT_EQ(store->find_point("tenant-a", "one"), std::nullopt);
  EXPECT_TRUE(store->find(alice)) << "the conversation stays";
  store->forget(alice);
  EXPECT_EQ(store->find_point("tenant-a", "two"), std::nullopt);
}

TEST(RegistryStore, APointThatIsNotWhatWasWrittenIsDamaged) {
  test::temporary_folder folder;
  auto store = open_registry(folder.path());
  talk{*store}.say({user("a", {10})});
  store->put_point("tenant-a", "one", {"talk", 1, "a note"});
  database{folder.path() / "registry.sqlite"}.execute("UPDATE points SET messages = 0");
  EXPECT_THROW(store->find_point("tenant-a", "one"), damaged_conversation);
}

TEST(RegistryStore, ALabelIsKeptAndGoesWithItsConversation) {
  test::temporary_folder folder;
  const conversation_label label{1'700'000'000, R"({"topic": "trip"})"}, none;
  {
    auto store = open_registry(folder.path());
    talk{*store}.say({user("a", {10})});
    EXPECT_EQ(store->find_label(alice), none);
    store->put_label(alice, {1, "another"});
    store->put_label(alice, label);
  }
  auto store = open_registry(folder.path());
  EXPECT_EQ(store->find_label(alice), label);
  EXPECT_EQ(store->find_label({"tenant-b", alice.id}), none);
  store->archives().drop_copy(alice);
  EXPECT_EQ(store->find_label(alice), label) << "it comes back from DNA";
  store->forget(alice);
  EXPECT_EQ(store->find_label(alice), none);
  store->put_label(alice, label);
  database{folder.path() / "registry.sqlite"}.execute("UPDATE labels SET created = 5");
  EXPECT_THROW(store->find_label(alice), damaged_conversation);
}

TEST(RegistryStore, TheOldestAreThoseThatNobodyWroteToForTheLongestTime) {
  test::temporary_folder folder;
  {
    auto store = open_registry(folder.path());
    for (auto id : {"x-1", "y-1", "x-2", "x-3"}) talk{*store, {"tenant-a", id}}.say({user("a", {10})});
    talk{*store, {"tenant-b", "x-0"}}.say({user("a", {10})});
  }
  auto store = open_registry(folder.path());
  auto again = *store->load({"tenant-a", "x-1"});
  talk{*store, {"tenant-a", "x-1"}, again.window, again.version}.say({assistant("b", {11})});
  EXPECT_THAT(store->oldest("tenant-a", "x-", 9), ElementsAre("x-2", "x-3", "x-1"));
  EXPECT_THAT(store->oldest("tenant-a", "x-", 1), ElementsAre("x-2"));
  std::vector<std::string> latest;
  for (const auto& one : store->latest("tenant-a", 2)) latest.push_back(one.id);
  EXPECT_THAT(latest, ElementsAre("x-1", "x-3"));
  EXPECT_THAT(store->oldest("tenant-a", "%", 9), ElementsAre());
}

TEST(RegistryStore, WhatIsForgottenIsInNoFileAnyMore) {
  test::temporary_folder folder;
  auto found = [&](const std::string& text) {
    int files = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
      std::stringstream content;
      content << std::ifstream{file.path(), std::ios::binary}.rdbuf();
      files += content.str().find(text) != std::string::npos;
    }
    return files;
  };
  auto store = open_registry(folder.path());
  talk secret{*store, {"tenant-a", "secret"}}, other{*store, {"tenant-a", "other"}},
      later{*store, {"tenant-a", "later"}};
  secret.say({user("my number is 4711", {10})});
  later.say({user("my number is 4712", {10})});
  other.say({user("hello there", {11})});
  ASSERT_GT(found("4711"), 0);
  store->forget(secret.key);
  EXPECT_EQ(found("4711"), 0);
  store->begin();
  store->forget(later.key);
  store->commit();
  EXPECT_EQ(found("4712"), 0) << "in a batch, too";
  EXPECT_GT(found("hello there"), 0);
}

TEST(RegistryStore, ALeaseHasAnOwnerAndAnEnd) {
  auto store = open_registry({});
  lease_time now{};
  auto end = now + std::chrono::seconds{10};
  EXPECT_TRUE(store->lease(alice, 1, now, end));
  EXPECT_FALSE(store->lease(alice, 2, now, end));
  EXPECT_TRUE(store->lease(alice, 1, now, end)) << "its owner may renew it";
  store->release(alice, 2);
  EXPECT_EQ(store->leases(), 1u) << "only its owner gives it back";
  EXPECT_THROW(store->write(alice, 2, {0, {}, opening, false, {}}), lease_lost);
  EXPECT_TRUE(store->lease(alice, 2, end, end + std::chrono::seconds{10})) << "its end has passed";
  EXPECT_THROW(store->write(alice, 1, {0, {}, opening, false, {}}), lease_lost);
  EXPECT_EQ(store->write(alice, 2, {0, {}, opening, false, {}}), 1u);
  store->release(alice, 2);
  EXPECT_EQ(store->leases(), 0u);
}

TEST(RegistryStore, FilesAndTheFolderItMakesAreForTheirOwnerOnly) {
  test::temporary_folder folder;
  auto old_mask = ::umask(022);
  auto inner = folder / "disk";
  auto store = open_registry(inner);
  talk{*store}.say({user("my secret", {1})});
  ::umask(old_mask);
  auto mode = [](const std::filesystem::path& path) {
    struct stat status {};
    ::stat(path.c_str(), &status);
    return status.st_mode & 0777;
  };
  EXPECT_EQ(mode(inner), 0700u);
  for (const auto& file : std::filesystem::directory_iterator(inner)) EXPECT_EQ(mode(file), 0600u) << file;
}

}  // namespace
}  // namespace chromatin::io
