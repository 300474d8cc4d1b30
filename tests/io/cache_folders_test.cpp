#include "io/cache_folders.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "io/chunk_store.hpp"
#include "tests/io/small_chunks.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr kv::fingerprint first_model{1, 2}, second_model{3, 4};

chunk_store_options options_of(const std::filesystem::path& folder, kv::fingerprint model, const std::string& name,
                               std::int64_t served_s = 1000) {
  return {folder, 8 * small_shape.chunk_bytes(), small_shape, model, name, served_s};
}

/// Chunks of 0xab in these slots.
void fill(const std::filesystem::path& folder, kv::fingerprint model, const std::string& name,
          const std::vector<std::uint32_t>& slots) {
  chunk_store store{options_of(folder, model, name)};
  auto files = open_segments(store.folder(), store.layout().segment_sizes_bytes());
  std::string bytes(small_shape.chunk_bytes(), '\xab');
  for (auto slot : slots) {
    auto at = store.layout().at(slot);
    std::fstream file{segment_name(store.folder(), at.segment), std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(static_cast<std::streamoff>(at.offset_bytes));
    file << bytes;
    store.commit({.added = {chunk(model.high * 100 + slot, slot)}});
  }
}
std::string slot_bytes(const std::filesystem::path& folder, std::uint32_t slot) {
  std::ifstream file{segment_name(folder, 0), std::ios::binary};
  std::string bytes(small_shape.chunk_bytes(), '?');
  file.seekg(static_cast<std::streamoff>(slot * small_shape.chunk_bytes()));
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

TEST(CacheFolders, EveryModelHasItsOwnCacheInOneFolder) {
  test::temporary_folder folder;
  fill(folder.path(), first_model, "one, bf16", {0, 1});
  fill(folder.path(), second_model, "two, bf16", {0, 1, 2});
  EXPECT_TRUE(std::filesystem::exists(folder / "catalog.sqlite")) << "the first one's is where it always was";
  EXPECT_EQ(chunk_store{options_of(folder.path(), first_model, "one, bf16")}.load().size(), 2u);
  EXPECT_EQ(chunk_store{options_of(folder.path(), second_model, "two, bf16", 2000)}.load().size(), 3u);
  auto all = caches_in(folder.path());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].model, first_model);
  EXPECT_EQ(all[0].folder, folder.path());
  EXPECT_EQ(all[0].shown(), "one, bf16 (00000000)");
  EXPECT_EQ(all[0].served_s, 1000);
  EXPECT_EQ(all[1].model, second_model);
  EXPECT_EQ(all[1].chunks, 3);
  EXPECT_EQ(all[1].served_s, 2000);
  EXPECT_GE(all[1].bytes, 3 * small_shape.chunk_bytes());
}

TEST(CacheFolders, OneOfAnEarlierProgramHasNoName) {
  test::temporary_folder folder;
  { chunk_store store{{folder.path(), 8 * small_shape.chunk_bytes(), small_shape, first_model}}; }
  auto all = caches_in(folder.path());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].shown(), "a model (00000000)");
  EXPECT_EQ(all[0].served_s, 0);
}

TEST(CacheFolders, ANameMovesNoCursor) {
  EXPECT_EQ((model_cache{.folder = {}, .model = {~0ull, 0}, .name = "a\x1b[2J\n"}.shown()), "a?[2J? (ffffffff)");
}

TEST(CacheFolders, TheRoomOfFreeSlotsIsGivenBackAndSetAsideAgain) {
  test::temporary_folder folder;
  fill(folder.path(), first_model, "one", {1, 5});
  auto before = caches_in(folder.path()).at(0);
  give_back_room(before);
  auto after = caches_in(folder.path()).at(0);
  if (after.bytes == before.bytes) GTEST_SKIP() << "the file system takes no room back";
  EXPECT_EQ(after.bytes, 2 * small_shape.chunk_bytes());
  for (std::uint32_t slot : {1u, 5u})
    EXPECT_EQ(slot_bytes(folder.path(), slot), std::string(small_shape.chunk_bytes(), '\xab'));
  EXPECT_EQ(slot_bytes(folder.path(), 2), std::string(small_shape.chunk_bytes(), '\0'));
  chunk_store store{options_of(folder.path(), first_model, "one")};
  EXPECT_EQ(store.load().size(), 2u);
  open_segments(store.folder(), store.layout().segment_sizes_bytes());
  EXPECT_GE(caches_in(folder.path()).at(0).bytes, 8 * small_shape.chunk_bytes());
  EXPECT_EQ(slot_bytes(folder.path(), 5), std::string(small_shape.chunk_bytes(), '\xab'));
}

TEST(CacheFolders, ErasedChunksLeaveTheCatalogueAndTheDisk) {
  test::temporary_folder folder;
  fill(folder.path(), first_model, "one", {0, 1, 2});
  std::vector<kv::chunk_key> keys{{0, 101}, {0, 999}};
  erase_chunks(caches_in(folder.path()).at(0), keys);
  EXPECT_EQ(slot_bytes(folder.path(), 0), std::string(small_shape.chunk_bytes(), '\xab'));
  EXPECT_NE(slot_bytes(folder.path(), 1), std::string(small_shape.chunk_bytes(), '\xab'));
  chunk_store store{options_of(folder.path(), first_model, "one")};
  std::vector<std::uint64_t> left;
  for (const auto& c : store.load()) left.push_back(c.key.low);
  EXPECT_THAT(left, ElementsAre(100, 102));
}

TEST(CacheFolders, ADroppedCacheLeavesTheOthersAndItsPlaceToTheNext) {
  test::temporary_folder folder;
  fill(folder.path(), first_model, "one", {0});
  fill(folder.path(), second_model, "two", {0, 1});
  drop_cache(caches_in(folder.path()).at(0));
  EXPECT_FALSE(std::filesystem::exists(segment_name(folder.path(), 0)));
  EXPECT_EQ(chunk_store{options_of(folder.path(), second_model, "two")}.load().size(), 2u);
  EXPECT_EQ(cache_folder(folder.path(), {7, 8}), folder.path());
  auto beside = cache_folder(folder.path(), second_model);
  drop_cache(caches_in(folder.path()).at(0));
  EXPECT_FALSE(std::filesystem::exists(beside));
}

TEST(CacheFolders, AnotherModelsDamagedCatalogueStaysForItsOwnServer) {
  test::temporary_folder folder;
  fill(folder.path(), first_model, "one", {0});
  fill(folder.path(), second_model, "two", {0});
  auto beside = cache_folder(folder.path(), second_model);
  std::ofstream{beside / "catalog.sqlite"} << std::string(8192, 'x');
  EXPECT_EQ(caches_in(folder.path()).size(), 1u);
  EXPECT_EQ(chunk_store{options_of(folder.path(), first_model, "one")}.load().size(), 1u);
  EXPECT_EQ(std::filesystem::file_size(beside / "catalog.sqlite"), 8192u);
  chunk_store store{options_of(folder.path(), second_model, "two")};
  EXPECT_EQ(store.folder(), beside);
  EXPECT_THAT(store.notices(), ElementsAre(HasSubstr("damaged")));
}

}  // namespace
}  // namespace chromatin::io
