// Lists of a tenant's conversations.

#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/registry_store.hpp"
#include "io/sqlite.hpp"
#include "tests/io/registry_talk.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

using testing::ElementsAre;

TEST(RegistryStore, ListsComeInPagesByName) {
  auto store = open_registry({});
  for (auto id : {"b", "d", "a", "c"}) talk{*store, {"tenant-a", id}}.say({user("x", {1, 2})});
  std::vector<std::string> names;
  for (std::string after;;) {
    auto page = store->list("tenant-a", after, 3);
    if (page.empty()) break;
    EXPECT_LE(page.size(), 3u);
    for (const auto& c : page) names.push_back(c.id);
    after = names.back();
  }
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(store->list("tenant-a", "", 1)[0].tokens, 3u);
}

TEST(RegistryStore, AListHasTheLabelsOfItsConversations) {
  test::temporary_folder folder;
  auto store = open_registry(folder.path());
  for (auto id : {"a", "b", "c"}) talk{*store, {"tenant-a", id}}.say({user("x", {1, 2})});
  talk{*store, {"tenant-b", "b"}}.say({user("x", {1, 2})});
  const conversation_label trip{5, R"({"topic": "trip"})"}, none;
  store->put_label({"tenant-a", "a"}, {7, "damaged"});
  store->put_label({"tenant-a", "c"}, trip);
  store->put_label({"tenant-b", "b"}, {9, "another's"});
  database{folder.path() / "registry.sqlite"}.execute("UPDATE labels SET created = 8 WHERE created = 7");
  auto labels = [](const std::vector<listed_conversation>& all) {
    std::map<std::string, conversation_label> found;
    for (const auto& one : all) found[one.id] = one.label;
    return found;
  };
  const std::map<std::string, conversation_label> wanted{{"a", none}, {"b", none}, {"c", trip}};
  EXPECT_EQ(labels(store->list("tenant-a", "", 9)), wanted);
  EXPECT_EQ(labels(store->latest("tenant-a", 9)), wanted);
}

TEST(RegistryStore, AListEndsWhereItsMetadataAreMuch) {
  auto store = open_registry({});
  for (auto id : {"a", "b", "c", "d"}) {
    talk{*store, {"tenant-a", id}}.say({user("x", {1, 2})});
    store->put_label({"tenant-a", id}, {1, std::string(list_bytes_max / 2, 'x')});
  }
  EXPECT_EQ(store->list("tenant-a", "", 9).size(), 2u);
  EXPECT_EQ(store->list("tenant-a", "b", 9).size(), 2u);
  EXPECT_EQ(store->latest("tenant-a", 9).size(), 2u);
}

}  // namespace
}  // namespace chromatin::io
