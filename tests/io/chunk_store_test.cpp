#include "io/chunk_store.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/io/small_chunks.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

using testing::HasSubstr;

chunk_store_options options_in(const std::filesystem::path& folder, std::uint64_t slots = 8) {
  return {folder, slots * small_shape.chunk_bytes(), small_shape, {1, 2}};
}

std::string why_not_opened(const chunk_store_options& options) {
  try {
    chunk_store store{options};
  } catch (const open_error& e) {
    EXPECT_THAT(e.what(), testing::Not(HasSubstr("\n")));
    return e.what();
  }
  return "no error";
}

TEST(ChunkStore, EveryCommittedChunkIsFoundAgainOldestUseFirst) {
  test::temporary_folder folder;
  {
    chunk_store store{options_in(folder.path())};
    EXPECT_TRUE(store.load().empty());
    store.commit({.added = {chunk(1, 0), chunk(2, 1), chunk(3, 2)}});
    store.commit({.added = {chunk(4, 3)}, .removed = {{0, 2}}, .used = {{0, 1}}});
  }
  chunk_store store{options_in(folder.path())};
  auto found = store.load();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].key.low, 3u);
  EXPECT_EQ(found[1].key.low, 4u);
  EXPECT_EQ(found[2].key.low, 1u);
  EXPECT_EQ(found[2].checksums, (std::vector<std::uint64_t>{1, 2}));
}

TEST(ChunkStore, WhatAPolicyLearnedIsThereAfterARestartForAPolicyOfThatName) {
  test::temporary_folder folder;
  std::vector<std::byte> bytes{std::byte{0}, std::byte{200}, std::byte{39}};
  {
    chunk_store store{options_in(folder.path())};
    EXPECT_TRUE(store.learned("predictive").empty());
    store.commit({.added = {chunk(1, 0)}, .removed = {}, .used = {}, .learned = learned_policy{"predictive", {}}});
    store.commit({.added = {}, .removed = {}, .used = {}, .learned = learned_policy{"predictive", bytes}});
  }
  chunk_store store{options_in(folder.path())};
  EXPECT_EQ(store.load().size(), 1u);
  EXPECT_EQ(store.learned("predictive"), bytes);
  EXPECT_TRUE(store.learned("another").empty());
}

TEST(ChunkStore, ASlotThatIsGivenAgainReplacesItsFormerChunk) {
  test::temporary_folder folder;
  chunk_store store{options_in(folder.path())};
  store.commit({.added = {chunk(1, 0)}});
  store.commit({.added = {chunk(2, 0)}});
  auto found = store.load();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].key.low, 2u);
}

TEST(ChunkStore, AnotherShapeOfTheSameModelIsRefusedWithTheWayOut) {
  test::temporary_folder folder;
  { chunk_store store{options_in(folder.path())}; }
  auto wider = options_in(folder.path());
  wider.geometry.kv_heads = 2;
  EXPECT_THAT(why_not_opened(wider),
              testing::AllOf(HasSubstr("1 key-value heads"), HasSubstr("choose another --disk")));
  EXPECT_EQ(why_not_opened(options_in(folder.path())), "no error");
}

TEST(ChunkStore, ANewerFormatIsRefused) {
  test::temporary_folder folder;
  { chunk_store store{options_in(folder.path())}; }
  database{folder / "catalog.sqlite"}.execute("UPDATE meta SET value = '3' WHERE name = 'format'");
  EXPECT_THAT(why_not_opened(options_in(folder.path())), HasSubstr("newer chromatin"));
}

TEST(ChunkStore, ASecondProcessIsRefusedByName) {
  test::temporary_folder folder;
  chunk_store store{options_in(folder.path())};
  auto child = ::fork();
  if (child == 0)
    ::_exit(why_not_opened(options_in(folder.path())).find("in use by process " + std::to_string(::getppid())) !=
                    std::string::npos
                ? 0
                : 1);
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(ChunkStore, ADamagedCatalogueIsPutAsideAndSaidSo) {
  test::temporary_folder folder;
  { chunk_store store{options_in(folder.path())}; }
  std::filesystem::remove(folder / "catalog.sqlite-wal");
  std::ofstream{folder / "catalog.sqlite"} << std::string(8192, 'x');
  chunk_store store{options_in(folder.path())};
  EXPECT_TRUE(store.load().empty());
  ASSERT_EQ(store.notices().size(), 1u);
  EXPECT_THAT(store.notices()[0], HasSubstr("damaged"));
  EXPECT_TRUE(std::filesystem::exists(folder / "catalog.sqlite.damaged"));
}

TEST(ChunkStore, ImpossibleRowsAndSlotsBeyondASmallerSizeAreDropped) {
  test::temporary_folder folder;
  {
    chunk_store store{options_in(folder.path())};
    auto overfull = chunk(3, 2);
    overfull.fill = 65;
    auto short_checksums = chunk(4, 3);
    short_checksums.checksums.pop_back();
    store.commit({.added = {chunk(1, 0), chunk(2, 7), overfull, short_checksums}});
  }
  chunk_store store{options_in(folder.path(), 4)};
  auto found = store.load();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].key.low, 1u);
  EXPECT_THAT(store.notices().at(0), HasSubstr("3 chunks"));
  EXPECT_EQ(store.load().size(), 1u);
}

/// The rows of a store that are left, and what it said, after somebody changed its catalogue by hand.
struct reopened {
  std::size_t chunks = 0;
  std::vector<std::string> notices;
};
reopened after(const char* sql) {
  test::temporary_folder folder;
  {
    chunk_store store{options_in(folder.path())};
    store.commit({.added = {chunk(1, 0), chunk(2, 1)}});
  }
  database{folder / "catalog.sqlite"}.execute(sql);
  chunk_store store{options_in(folder.path())};
  auto found = store.load();
  store.commit({.added = {chunk(9, 7)}});  // and it goes on
  EXPECT_EQ(store.load().size(), found.size() + 1);
  return {found.size(), store.notices()};
}

TEST(ChunkStore, RowsWithValuesOfAWrongLengthOrKindAreDroppedAndTheRestStays) {
  for (auto values :
       {"x'010203', 5, 0, 64, zeroblob(16), 1", "zeroblob(17), 5, 0, 64, zeroblob(16), 1",
        "'sixteen letters.', 5, 0, 64, zeroblob(16), 1", "x'', 5, 0, 64, zeroblob(16), 1",
        "zeroblob(16), 5, 0, 64, x'00', 1", "zeroblob(16), 5, 0, 64, zeroblob(24), 1",
        "zeroblob(16), 5, 0, 64, '0123456789abcdef', 1", "zeroblob(16), 'five', 0, 64, zeroblob(16), 1",
        "zeroblob(16), 1.5, 0, 64, zeroblob(16), 1", "zeroblob(16), -1, 0, 64, zeroblob(16), 1",
        "zeroblob(16), 4294967296, 0, 64, zeroblob(16), 1", "zeroblob(16), 5, -1, 64, zeroblob(16), 1",
        "zeroblob(16), 5, 4294967296, 64, zeroblob(16), 1", "zeroblob(16), 5, 0, 0, zeroblob(16), 1",
        "zeroblob(16), 5, 0, 65, zeroblob(16), 1", "zeroblob(16), 5, 0, 64, zeroblob(16), -1",
        "zeroblob(16), 5, 0, 64, zeroblob(16), 9223372036854775807", "zeroblob(16), 5, 0, 64, zeroblob(16), 'late'"}) {
    SCOPED_TRACE(values);
    auto r = after((std::string{"INSERT INTO chunks VALUES ("} + values + ")").c_str());
    EXPECT_EQ(r.chunks, 2u);
    EXPECT_THAT(r.notices, testing::ElementsAre(HasSubstr("1 chunks outside")));
  }
  auto all = after("UPDATE chunks SET checksums = x'010203'");
  EXPECT_EQ(all.chunks, 0u);
  EXPECT_THAT(all.notices, testing::ElementsAre(HasSubstr("2 chunks outside")));
}

TEST(ChunkStore, ImpossibleValuesAboutTheStoreItselfAreDamage) {
  for (auto sql :
       {"UPDATE meta SET value = 'two' WHERE name = 'format'", "UPDATE meta SET value = '-1' WHERE name = 'format'",
        "UPDATE meta SET value = '0'", "UPDATE meta SET value = '99999999999' WHERE name = 'segment_slots'",
        "UPDATE meta SET value = '' WHERE name = 'segment_slots'",
        "UPDATE meta SET value = '9' WHERE name = 'segment_slots'",
        "UPDATE meta SET value = 'f' || substr(value, 2) WHERE name = 'model'",
        "UPDATE meta SET value = replace(value, '64', '65') WHERE name = 'geometry'"}) {
    SCOPED_TRACE(sql);
    auto r = after(sql);
    EXPECT_EQ(r.chunks, 0u);
    EXPECT_THAT(r.notices, testing::ElementsAre(HasSubstr("damaged")));
  }
}

TEST(ChunkStore, ASlotOrAChunkThatIsThereTwiceIsDamage) {
  for (std::string sql : {"SELECT key, slot + 1, depth, fill, checksums, used FROM chunks",
                          "SELECT zeroblob(16), slot, depth, fill, checksums, used FROM chunks"}) {
    SCOPED_TRACE(sql);
    test::temporary_folder folder;
    chunk_store store{options_in(folder.path())};
    store.commit({.added = {chunk(1, 0)}});
    database other{folder / "catalog.sqlite"};  // without the keys that forbid it
    other.execute("CREATE TABLE copy AS SELECT * FROM chunks");
    other.execute(("INSERT INTO copy " + sql).c_str());
    other.execute("DROP TABLE chunks");
    other.execute("ALTER TABLE copy RENAME TO chunks");
    EXPECT_TRUE(store.load().empty());
    EXPECT_THAT(store.notices(), testing::ElementsAre(HasSubstr("damaged")));
  }
}

TEST(ChunkStore, ItsFolderIsForItsOwnerOnlyAndFilesOfEarlierProgramsBecomeSo) {
  test::temporary_folder folder;
  auto mode = [](const std::filesystem::path& path) {
    return static_cast<unsigned>(std::filesystem::status(path).permissions());
  };
  { chunk_store store{options_in(folder / "new" / "er")}; }
  EXPECT_EQ(mode(folder / "new"), 0700u);
  EXPECT_EQ(mode(folder / "new" / "er"), 0700u);
  EXPECT_EQ(mode(folder / "new" / "er" / "catalog.sqlite"), 0600u);
  std::filesystem::permissions(folder / "new" / "er" / "catalog.sqlite", std::filesystem::perms{0644});
  { chunk_store store{options_in(folder / "new" / "er")}; }
  EXPECT_EQ(mode(folder / "new" / "er" / "catalog.sqlite"), 0600u);
}

/// Overwrites the page that a table or index begins with.
void zero_page(const std::filesystem::path& folder, const char* which) {
  std::int64_t page = 0;
  {
    database db{folder / "catalog.sqlite"};
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    statement find{db, std::string{"SELECT rootpage FROM sqlite_master WHERE "} + which};
    ASSERT_TRUE(find.step());
    page = find.integer(0);
  }
  std::fstream file{folder / "catalog.sqlite", std::ios::in | std::ios::out | std::ios::binary};
  file.seekp((page - 1) * 4096);
  file << std::string(4096, '\0');
}

TEST(ChunkStore, DamageInsideTheCatalogueIsSeenAtTheStart) {
  for (auto which : {"name = 'chunks'", "type = 'index' AND tbl_name = 'chunks'", "name = 'meta'"}) {
    SCOPED_TRACE(which);
    test::temporary_folder folder;
    {
      chunk_store store{options_in(folder.path())};
      store.commit({.added = {chunk(1, 0), chunk(2, 1)}});
    }
    zero_page(folder.path(), which);
    chunk_store store{options_in(folder.path())};
    EXPECT_THAT(store.notices(), testing::ElementsAre(HasSubstr("damaged")));
    EXPECT_TRUE(store.load().empty());
    store.commit({.added = {chunk(3, 0)}});
    EXPECT_EQ(store.load().size(), 1u);
  }
}

TEST(ChunkStore, DamageThatAppearsLaterCostsOneCommitAndNotAllAfterIt) {
  test::temporary_folder folder;
  chunk_store store{options_in(folder.path())};
  store.commit({.added = {chunk(1, 0)}});
  zero_page(folder.path(), "name = 'chunks'");
  bool failed = false;
  try {
    store.commit({.added = {chunk(2, 1)}});
  } catch (const sqlite_error& e) {
    failed = true;
    EXPECT_TRUE(e.damaged) << e.what();
  }
  EXPECT_TRUE(failed);
  store.commit({.added = {chunk(3, 2)}});
  EXPECT_EQ(store.load().size(), 1u);
}

TEST(ChunkStore, AFolderOfTheFirstFormatLosesItsChunksAndNothingElse) {
  test::temporary_folder folder;
  auto make_old = [&](const char* model) {
    std::filesystem::remove(folder / "catalog.sqlite");
    database db{folder / "catalog.sqlite"};
    db.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    db.execute(
        "CREATE TABLE chunks (key BLOB PRIMARY KEY, slot INTEGER NOT NULL UNIQUE, depth INTEGER NOT NULL, fill "
        "INTEGER NOT NULL, checksums BLOB NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID");
    db.execute("INSERT INTO chunks VALUES (x'000102030405060708090a0b0c0d0e0f', 0, 0, 64, zeroblob(16), 1)");
    statement add{db, "INSERT INTO meta VALUES (?, ?)"};
    add.bind(std::string{"format"}, std::string{"1"}).run();
    add.bind(std::string{"model"}, std::string{model}).run();
    add.bind(std::string{"geometry"}, std::string{"2 layers, 1 key-value heads of 64, bf16"}).run();
  };
  make_old("ffffffffffffffff0000000000000000");
  EXPECT_EQ(why_not_opened(options_in(folder.path())), "no error") << "it gets a cache of its own";
  {
    database db{folder / "catalog.sqlite"};
    statement count{db, "SELECT count(*) FROM chunks"};
    ASSERT_TRUE(count.step());
    EXPECT_EQ(count.integer(0), 1) << "another model's chunks are not ours to drop";
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    if (entry.is_directory()) std::filesystem::remove_all(entry.path());
  make_old("00000000000000010000000000000002");
  {
    chunk_store store{options_in(folder.path())};
    EXPECT_THAT(store.notices(), testing::ElementsAre(testing::AllOf(HasSubstr("format 1"), HasSubstr("dropped"))));
    EXPECT_TRUE(store.load().empty());
    store.commit({.added = {chunk(1, 0)}});
  }
  chunk_store store{options_in(folder.path())};
  EXPECT_TRUE(store.notices().empty());
  EXPECT_EQ(store.load().size(), 1u);
}

TEST(ChunkStore, TheSizeOfSegmentsStaysWhenTheStoreGrows) {
  test::temporary_folder folder;
  auto small = options_in(folder.path(), 8);
  auto slots = chunk_store{small}.layout().slots_per_segment;
  auto large = small;
  large.bytes_max = 1ull << 40;
  EXPECT_EQ(chunk_store{large}.layout().slots_per_segment, slots);
  test::temporary_folder other;
  large.folder = other.path();
  EXPECT_GT(chunk_store{large}.layout().slots_per_segment, slots);
}

TEST(ChunkStore, AFolderThatCannotBeMadeAndASizeWithoutRoomAreErrors) {
  EXPECT_THAT(why_not_opened(options_in("/proc/nowhere")), HasSubstr("/proc/nowhere"));
  test::temporary_folder folder;
  auto tiny = options_in(folder.path());
  tiny.bytes_max = 100;
  EXPECT_THAT(why_not_opened(tiny), HasSubstr("no room for one chunk"));
}

TEST(SlotLayout, ALargeStoreHasLargerSegmentsAndNotMoreFilesThanAProcessMayOpen) {
  for (std::uint64_t gib : {1, 64, 250, 1000, 16000}) {
    SCOPED_TRACE(gib);
    auto bytes = gib << 30;
    for (std::uint64_t chunk_bytes : {std::uint64_t{48} << 10, std::uint64_t{32} << 20, std::uint64_t{300} << 20}) {
      auto layout = slot_layout::of(bytes, chunk_bytes);
      auto sizes = layout.segment_sizes_bytes();
      EXPECT_LE(sizes.size(), 512u);
      std::uint64_t sum = 0;
      for (auto size : sizes) sum += size;
      EXPECT_EQ(sum, layout.slots * chunk_bytes);
      EXPECT_GT(sum + chunk_bytes, bytes);
    }
  }
}

TEST(SlotLayout, SlotsFillSegmentsWithoutOverlap) {
  auto layout = slot_layout::of(3000ull << 20, 100ull << 20);
  EXPECT_EQ(layout.slots, 30u);
  EXPECT_EQ(layout.slots_per_segment, 2u);
  EXPECT_EQ(layout.at(5, 4096), (extent{2, (100ull << 20) + 4096}));
  auto sizes = layout.segment_sizes_bytes();
  EXPECT_EQ(sizes.size(), 15u);
  auto odd = slot_layout::of(500ull << 20, 100ull << 20).segment_sizes_bytes();
  EXPECT_EQ(odd, (std::vector<std::uint64_t>{200ull << 20, 200ull << 20, 100ull << 20}));
}

}  // namespace
}  // namespace chromatin::io
