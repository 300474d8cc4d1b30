// Keys and jobs of archives in the registry.

#include "io/archive_store.hpp"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/fsck/fsck.hpp"
#include "io/sqlite.hpp"
#include "tests/io/registry_talk.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

using test::reason;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

archive_key key_of(unsigned char letter) {
  archive_key key;
  key.name.fill(std::byte{letter});
  key.secret.fill(std::byte{letter});
  return key;
}

/// With a value in every field.
archive_job some_job(const conversation_key& of = alice, archive_state state = archive_state::planned) {
  return {.tenant = of.tenant,
          .id = of.id,
          .state = state,
          .version = 4,
          .tube = "tube",
          .commit = 3,
          .synthesis = "tube-order-1",
          .sequencing = {"check-1", "check-2"},
          .reads = 700,
          .reads_last = 200,
          .missing = {{12, 0}, {13, 1}},
          .reads_more = 800,
          .failure = "the house makes no strands of 150 nt",
          .content = {std::byte{0}, std::byte{7}},
          .changed_s = 1'700'000'000,
          .kv = true,
          .note = "5 of 6 chunks of keys and values"};
}

TEST(ArchiveStore, JobsAreThereAfterReopening) {
  test::temporary_folder folder;
  auto job = some_job(), plain = archive_job{.tenant = "tenant-a", .id = "other"};
  {
    auto store = open_registry(folder.path());
    job.number = store->archives().add(job);
    plain.number = store->archives().add(plain);
  }
  auto store = open_registry(folder.path());
  EXPECT_EQ(store->archives().find(job.number), job);
  EXPECT_THAT(store->archives().jobs().jobs, ElementsAre(job, plain));
  EXPECT_THAT(store->archives().jobs_of(alice).jobs, ElementsAre(job));
  for (auto state : {archive_state::planned, archive_state::ordered, archive_state::stored, archive_state::asked,
                     archive_state::sequencing, archive_state::decoded, archive_state::settled}) {
    job.state = state;
    EXPECT_TRUE(store->archives().put(job));
    EXPECT_EQ(store->archives().find(job.number), job) << to_string(state);
  }
}

TEST(ArchiveStore, ANumberIsNeverGivenTwice) {
  test::temporary_folder folder;
  auto store = open_registry(folder.path());
  auto first = store->archives().add(some_job());
  auto last = store->archives().add(some_job());
  EXPECT_GT(last, first);
  store->archives().remove(last);
  store = nullptr;
  store = open_registry(folder.path());
  EXPECT_GT(store->archives().add(some_job()), last) << "orders at a laboratory are called after it";
  EXPECT_FALSE(store->archives().find(last));
}

TEST(ArchiveStore, AConversationKeepsItsFirstKey) {
  test::temporary_folder folder;
  auto store = open_registry(folder.path());
  EXPECT_FALSE(store->archives().find_key(alice));
  EXPECT_EQ(store->archives().keep_key(alice, key_of('a')), key_of('a'));
  EXPECT_EQ(store->archives().keep_key(alice, key_of('b')), key_of('a'));
  store = nullptr;
  store = open_registry(folder.path());
  EXPECT_EQ(store->archives().find_key(alice), key_of('a'));
  EXPECT_FALSE(store->archives().find_key({"tenant-b", alice.id}));
}

TEST(ArchiveStore, ForgettingAConversationForgetsItsKeyAndItsJobs) {
  test::temporary_folder folder;
  auto store = open_registry(folder.path());
  conversation_key other{"tenant-a", "other"};
  store->archives().keep_key(alice, key_of('k'));
  store->archives().keep_key(other, key_of('o'));
  auto job = some_job();
  job.number = store->archives().add(job);
  auto kept = store->archives().add(some_job(other));
  auto in_files = [&](char letter) {
    int files = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
      std::stringstream content;
      content << std::ifstream{file.path(), std::ios::binary}.rdbuf();
      files += content.str().find(std::string(32, letter)) != std::string::npos;
    }
    return files;
  };
  ASSERT_GT(in_files('k'), 0);
  store->forget(alice);
  EXPECT_FALSE(store->archives().find_key(alice));
  EXPECT_FALSE(store->archives().put(job)) << "and who works on it hears of that";
  EXPECT_FALSE(store->archives().find(job.number));
  EXPECT_EQ(in_files('k'), 0) << "what is in DNA cannot be read any more";
  EXPECT_TRUE(store->archives().find(kept));
  EXPECT_EQ(store->archives().find_key(other), key_of('o'));
}

TEST(ArchiveStore, AChangeIsPartOfABatch) {
  auto store = open_registry({});
  store->begin();
  auto number = store->archives().add(some_job());
  store->archives().keep_key(alice, key_of('a'));
  talk{*store}.say({user("hello", {10})});
  store->commit();
  EXPECT_TRUE(store->archives().find(number));
  EXPECT_TRUE(store->load(alice));
}

TEST(ArchiveStore, WhatNobodyWroteToForLongIsTheFirstOfWhatIsUnused) {
  test::temporary_folder folder;
  auto store = open_registry(folder.path());
  for (const auto& key : {conversation_key{"tenant-a", "one"}, {"tenant-b", "two"}, {"tenant-a", "three"}})
    store->write(key, turn, {.window = {.tokens = {1, 2, 3}}});
  store->write({"tenant-a", "one"}, turn, {.expected_version = 1, .window = {.tokens = {1, 2, 3, 4}}});
  const auto all = store->unused(9);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].key, (conversation_key{"tenant-b", "two"}));
  EXPECT_EQ(all[0].writes_since, 2);
  EXPECT_EQ(all[2].key, (conversation_key{"tenant-a", "one"}));
  EXPECT_EQ(all[2].tokens, 4U);
  EXPECT_EQ(store->unused(1).size(), 1U);
}

TEST(ArchiveStore, TheCopyGoesOnlyWhereThisVersionIsStored) {
  test::temporary_folder folder;
  auto store = open_registry(folder.path());
  talk t{*store};
  t.say({user("hello", {10, 11})}, {{1, 1}});
  t.say({assistant("hi", {12, 2})});
  store->put_point("tenant-a", "one", {"talk", 2, "a note"});
  store->archives().keep_key(alice, key_of('a'));
  EXPECT_FALSE(store->archives().drop_copy(alice)) << "nobody archived it";
  auto job = some_job();
  job.number = store->archives().add(job);
  for (auto state : {archive_state::planned, archive_state::ordered, archive_state::sequencing}) {
    job.state = state;
    job.version = t.version;
    store->archives().put(job);
    EXPECT_FALSE(store->archives().drop_copy(alice)) << to_string(state);
  }
  job.state = archive_state::stored;
  job.version = t.version - 1;
  store->archives().put(job);
  EXPECT_FALSE(store->archives().drop_copy(alice)) << "it went on since";
  ASSERT_TRUE(store->load(alice));
  job.version = t.version;
  store->archives().put(job);
  EXPECT_THAT(store->archives().drop_copy(alice), Optional(ElementsAre(kv::chunk_key{1, 1})));
  EXPECT_FALSE(store->load(alice));
  EXPECT_THAT(store->read(alice, 0, 9), IsEmpty());
  EXPECT_FALSE(store->archives().drop_copy(alice)) << "there is none any more";
  EXPECT_EQ(store->archives().find_key(alice), key_of('a'));
  EXPECT_EQ(store->archives().find(job.number), job);
  EXPECT_TRUE(store->find_point("tenant-a", "one"));
  EXPECT_EQ(store->forget(alice).size(), 1u) << "the tiers' chunks are known all the same";
}

TEST(ArchiveStore, AnyWrongValueOfARowIsFound) {
  for (std::string set : {"tenant = 'b'",      "id = 'b'",           "state = 'settled'",
                          "state = 'any'",     "version = 5",        "tube = 'b'",
                          "commit_number = 4", "synthesis = ''",     "sequencing = 'check-1'",
                          "reads = 1",         "missing = x''",      "missing = x'00'",
                          "reads_more = 0",    "failure = ''",       "content = x''",
                          "changed = 0",       "checksum = 0",       "kv = 0",
                          "note = ''",         "number = number + 1"}) {
    test::temporary_folder folder;
    auto store = open_registry(folder.path());
    auto number = store->archives().add(some_job());
    database{folder / "registry.sqlite"}.execute(("UPDATE archive_jobs SET " + set).c_str());
    EXPECT_THAT(store->archives().jobs().jobs, IsEmpty()) << set;
    EXPECT_EQ(store->archives().jobs().damaged.size(), 1u) << set;
    if (set.find("number =") == 0) ++number;
    EXPECT_THAT(reason([&] { store->archives().find(number); }), HasSubstr("is damaged")) << set;
  }
  for (std::string set : {"name = zeroblob(16)", "secret = zeroblob(32)", "secret = x''", "id = 'b'", "checksum = 0"}) {
    test::temporary_folder folder;
    auto store = open_registry(folder.path());
    store->archives().keep_key(alice, key_of('a'));
    database{folder / "registry.sqlite"}.execute(("UPDATE archive_keys SET " + set).c_str());
    conversation_key key{alice.tenant, set == "id = 'b'" ? "b" : alice.id};
    EXPECT_THAT(reason([&] { store->archives().find_key(key); }), HasSubstr("is damaged")) << set;
    EXPECT_THROW(store->archives().keep_key(key, key_of('b')), damaged_conversation) << "it is not replaced";
  }
}

TEST(ArchiveStore, FsckDropsADamagedJobAndSaysThatAKeyIsLost) {
  test::temporary_folder folder;
  auto wrong = some_job(), right = some_job();
  {
    auto store = open_registry(folder.path());
    store->tenant_salt("tenant-a");
    store->archives().keep_key(alice, key_of('a'));
    wrong.number = store->archives().add(wrong);
    right.number = store->archives().add(right);
    database db{folder / "registry.sqlite"};
    statement{db, "UPDATE archive_jobs SET reads = 1 WHERE number = ?"}
        .bind(static_cast<std::int64_t>(wrong.number))
        .run();
    db.execute("UPDATE archive_keys SET secret = zeroblob(32)");
  }
  auto lines = [&](bool repair) {
    std::vector<std::string> all;
    for (const auto& f : fsck::check({.folder = folder.path(), .repair = repair}).findings)
      all.push_back(f.where + ": " + f.what + " " + f.repair);
    return all;
  };
  EXPECT_THAT(lines(true), testing::AllOf(Contains(HasSubstr("archive job " + std::to_string(wrong.number))),
                                          Contains(HasSubstr("key of conversation talk"))));
  EXPECT_THAT(lines(false), Not(Contains(HasSubstr("archive job"))));
  EXPECT_THAT(open_registry(folder.path())->archives().jobs().jobs, ElementsAre(right));
}

TEST(ArchiveStore, WhatIsInDnaOnlyAndOnNoWayBackIsFoundByNumber) {
  auto store = open_registry({});
  talk t{*store};
  t.say({user("hello", {10})});
  auto& archives = store->archives();
  const auto add = [&](const std::string& id, archive_state state) {
    auto job = some_job({alice.tenant, id}, state);
    job.number = archives.add(job);
    return job;
  };
  add(alice.id, archive_state::stored);  // it is here
  add("planned", archive_state::planned);
  const auto first = add("first", archive_state::stored);
  add("back", archive_state::stored), add("back", archive_state::sequencing);
  const auto second = add("second", archive_state::stored), third = add("third", archive_state::stored);
  EXPECT_THAT(archives.archived(0, 9).jobs, ElementsAre(first, second, third));
  EXPECT_THAT(archives.archived(0, 2).jobs, ElementsAre(first, second));
  EXPECT_THAT(archives.archived(first.number, 9).jobs, ElementsAre(second, third));
  EXPECT_THAT(archives.archived(third.number, 9).jobs, IsEmpty());
}

TEST(ArchiveStore, FsckKeepsAPointOfAConversationThatIsInDnaOnly) {
  test::temporary_folder folder;
  {
    auto store = open_registry(folder.path());
    talk t{*store};
    t.say({user("hello", {10})});
    store->put_point("tenant-a", "one", {"talk", 1, "a note"});
    auto job = some_job(alice, archive_state::stored);
    job.version = t.version;
    store->archives().add(job);
    ASSERT_TRUE(store->archives().drop_copy(alice));
  }
  fsck::check({.folder = folder.path(), .repair = true});
  EXPECT_TRUE(open_registry(folder.path())->find_point("tenant-a", "one"));
}

TEST(ArchiveStore, WhatFsckSavesOfADamagedFileHasKeysAndJobs) {
  test::temporary_folder folder;
  auto job = some_job();
  {
    auto store = open_registry(folder.path());
    store->archives().keep_key(alice, key_of('a'));
    job.number = store->archives().add(job);
  }
  database{folder / "registry.sqlite"}.execute("ALTER TABLE chunks RENAME TO chinks");
  fsck::check({.folder = folder.path(), .repair = true});
  auto store = open_registry(folder.path());
  ASSERT_TRUE(std::filesystem::exists(folder / "registry.sqlite.damaged"));
  EXPECT_EQ(store->archives().find_key(alice), key_of('a'));
  EXPECT_EQ(store->archives().find(job.number), job);
}

}  // namespace
}  // namespace chromatin::io
