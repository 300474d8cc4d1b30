#include "io/chunk_store.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

using testing::HasSubstr;

constexpr kv::geometry shape{2, 1, 64, kv::dtype::bf16};

chunk_store_options options_in(const std::filesystem::path& folder, std::uint64_t slots = 8) {
  return {folder, slots * shape.chunk_bytes(), shape, {1, 2}};
}

stored_chunk chunk(std::uint64_t n, std::uint32_t slot) { return {{0, n}, slot, 0, 64, {n, n + 1}}; }

std::string reason(const chunk_store_options& options) {
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
    store.commit({chunk(1, 0), chunk(2, 1), chunk(3, 2)}, {}, {});
    store.commit({chunk(4, 3)}, {{0, 2}}, {{0, 1}});
  }
  chunk_store store{options_in(folder.path())};
  auto found = store.load();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].key.low, 3u);
  EXPECT_EQ(found[1].key.low, 4u);
  EXPECT_EQ(found[2].key.low, 1u);
  EXPECT_EQ(found[2].checksums, (std::vector<std::uint64_t>{1, 2}));
}

TEST(ChunkStore, ASlotThatIsGivenAgainReplacesItsFormerChunk) {
  test::temporary_folder folder;
  chunk_store store{options_in(folder.path())};
  store.commit({chunk(1, 0)}, {}, {});
  store.commit({chunk(2, 0)}, {}, {});
  auto found = store.load();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].key.low, 2u);
}

TEST(ChunkStore, AnotherModelOrShapeIsRefusedWithTheWayOut) {
  test::temporary_folder folder;
  { chunk_store store{options_in(folder.path())}; }
  auto other = options_in(folder.path());
  other.model = {9, 9};
  EXPECT_THAT(reason(other), testing::AllOf(HasSubstr("another model"), HasSubstr("choose another --disk")));
  auto wider = options_in(folder.path());
  wider.geometry.kv_heads = 2;
  EXPECT_THAT(reason(wider), HasSubstr("1 key-value heads"));
  EXPECT_EQ(reason(options_in(folder.path())), "no error");
}

TEST(ChunkStore, ANewerFormatIsRefused) {
  test::temporary_folder folder;
  { chunk_store store{options_in(folder.path())}; }
  database{folder / "catalog.sqlite"}.execute("UPDATE meta SET value = '2' WHERE name = 'format'");
  EXPECT_THAT(reason(options_in(folder.path())), HasSubstr("newer chromatin"));
}

TEST(ChunkStore, ASecondProcessIsRefusedByName) {
  test::temporary_folder folder;
  chunk_store store{options_in(folder.path())};
  auto child = ::fork();
  if (child == 0)
    ::_exit(reason(options_in(folder.path())).find("in use by process " + std::to_string(::getppid())) !=
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
    store.commit({chunk(1, 0), chunk(2, 7), overfull, short_checksums}, {}, {});
  }
  chunk_store store{options_in(folder.path(), 4)};
  auto found = store.load();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].key.low, 1u);
  EXPECT_THAT(store.notices().at(0), HasSubstr("3 chunks"));
  EXPECT_EQ(store.load().size(), 1u);
}

TEST(ChunkStore, AFolderThatCannotBeMadeAndASizeWithoutRoomAreErrors) {
  EXPECT_THAT(reason(options_in("/proc/nowhere")), HasSubstr("/proc/nowhere"));
  test::temporary_folder folder;
  auto tiny = options_in(folder.path());
  tiny.bytes_max = 100;
  EXPECT_THAT(reason(tiny), HasSubstr("no room for one chunk"));
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
