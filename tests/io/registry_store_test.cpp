#include "io/registry_store.hpp"

#include <gtest/gtest.h>

#include "io/device.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

const conversation_key alice{"tenant-a", "talk"};
const kv::lineage opening{.tokens = {1}, .root = {5, 6}};

TEST(RegistryStore, WhatWasAppendedIsThereAfterReopening) {
  test::temporary_folder folder;
  {
    registry_store store{folder.path()};
    auto record = store.create(alice, opening);
    store.append(alice, record.version, {"user", "hello", {10, 11}}, 0);
    store.append(alice, record.version + 1, {"assistant", "hi", {12, 2}}, 4);
  }
  auto record = registry_store{folder.path()}.load(alice);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->version, 3u);
  EXPECT_EQ(record->messages, 2u);
  EXPECT_EQ(record->last_role, "assistant");
  EXPECT_EQ(record->window.tokens, (std::vector<kv::token_id>{1, 10, 11, 12, 2}));
  EXPECT_EQ(record->window.settled, 4u);
  EXPECT_EQ(record->window.root, opening.root);
}

TEST(RegistryStore, AnAppendForAnOldVersionIsRefusedAndChangesNothing) {
  registry_store store{{}};
  auto record = store.create(alice, opening);
  store.append(alice, record.version, {"user", "a", {10}}, 0);
  EXPECT_THROW(store.append(alice, record.version, {"user", "b", {11}}, 0), version_conflict);
  EXPECT_EQ(store.load(alice)->window.tokens.size(), 2u);
  EXPECT_EQ(store.load(alice)->messages, 1u);
}

TEST(RegistryStore, TenantsDoNotSeeEachOther) {
  registry_store store{{}};
  store.create(alice, opening);
  EXPECT_FALSE(store.load({"tenant-b", "talk"}));
  store.create({"tenant-b", "talk"}, opening);
  store.forget({"tenant-b", "talk"});
  EXPECT_TRUE(store.load(alice));
}

TEST(RegistryStore, ATenantsSaltIsMadeOnceAndKept) {
  test::temporary_folder folder;
  kv::hash128 first{7, 8};
  EXPECT_EQ(registry_store{folder.path()}.tenant_salt("a", first), first);
  registry_store again{folder.path()};
  EXPECT_EQ(again.tenant_salt("a", {9, 9}), first);
  EXPECT_NE(again.tenant_salt("b", {9, 9}), first);
}

TEST(RegistryStore, AReplacedWindowKeepsItsKeys) {
  registry_store store{{}};
  auto record = store.create(alice, opening);
  store.append(alice, record.version, {"user", "a", std::vector<kv::token_id>(300, 3)}, 301);
  auto loaded = *store.load(alice);
  ASSERT_GT(kv::truncate(loaded.window, 0), 0u);
  store.replace_window(alice, loaded.version, loaded.window);
  auto after = *store.load(alice);
  EXPECT_EQ(after.window.tokens, loaded.window.tokens);
  EXPECT_EQ(after.window.kept, loaded.window.kept);
  EXPECT_EQ(kv::chain(after.window, after.window.settled), kv::chain(loaded.window, loaded.window.settled));
}

TEST(RegistryStore, AMessageMayReplaceTheWindowItIsAppendedTo) {
  registry_store store{{}};
  auto record = store.create(alice, opening);
  store.append(alice, record.version, {"user", "a", std::vector<kv::token_id>(300, 3)}, 301);
  auto loaded = *store.load(alice);
  kv::make_room(loaded.window, 200, {});
  loaded.window.tokens.insert(loaded.window.tokens.end(), {7, 8});
  store.append(alice, loaded.version, {"user", "b", {7, 8}}, loaded.window);
  auto after = *store.load(alice);
  EXPECT_EQ(after.version, loaded.version + 1);
  EXPECT_EQ(after.messages, 2u);
  EXPECT_EQ(after.window.tokens, loaded.window.tokens);
  EXPECT_EQ(kv::chain(after.window, after.window.settled), kv::chain(loaded.window, loaded.window.settled));
  EXPECT_THROW(store.append(alice, loaded.version, {"user", "c", {}}, loaded.window), version_conflict);
  EXPECT_EQ(store.load(alice)->messages, 2u);
}

TEST(RegistryStore, ASystemPromptIsTheFirstMessageAndIsKept) {
  test::temporary_folder folder;
  auto window = opening;
  window.keep = 1;
  EXPECT_EQ(registry_store{folder.path()}.create(alice, window, "Be brief.").last_role, "system");
  auto record = *registry_store{folder.path()}.load(alice);
  EXPECT_EQ(record.messages, 1u);
  EXPECT_EQ(record.window.keep, 1u);
}

TEST(RegistryStore, AFolderOfTheFirstFormatIsTakenOver) {
  test::temporary_folder folder;
  {
    registry_store store{folder.path()};
    store.create(alice, opening);
    database old{folder / "registry.sqlite"};
    old.execute("ALTER TABLE conversations DROP COLUMN keep; PRAGMA user_version = 1");
  }
  auto record = registry_store{folder.path()}.load(alice);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->window.keep, 0u);
  EXPECT_EQ(record->window.tokens, opening.tokens);
}

TEST(RegistryStore, AForkGoesItsOwnWay) {
  registry_store store{{}};
  auto record = store.create(alice, opening);
  store.append(alice, record.version, {"user", "a", {10}}, 0);
  EXPECT_TRUE(store.fork(alice, "copy"));
  EXPECT_FALSE(store.fork(alice, "copy"));
  conversation_key copy{"tenant-a", "copy"};
  store.append(copy, store.load(copy)->version, {"user", "b", {11}}, 0);
  EXPECT_EQ(store.load(copy)->window.tokens.size(), 3u);
  EXPECT_EQ(store.load(alice)->window.tokens.size(), 2u);
}

TEST(RegistryStore, ANewerFormatIsRefused) {
  test::temporary_folder folder;
  { registry_store store{folder.path()}; }
  database{folder / "registry.sqlite"}.execute("PRAGMA user_version = 99");
  EXPECT_THROW(registry_store{folder.path()}, open_error);
}

}  // namespace
}  // namespace chromatin::io
