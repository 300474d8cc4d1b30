// A store in which several models were served.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/fsck/fsck.hpp"
#include "tests/io/fsck_words.hpp"
#include "tests/io/store_at_rest.hpp"
#include "tests/support/reason.hpp"

namespace chromatin::io {
namespace {

using test::reason;
using test_store::store_at_rest;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr kv::fingerprint other_model{3ull << 32, 4};

/// Beside the model that the store is of: another one's cache, with a chunk that its conversation names.
struct two_models : store_at_rest {
  two_models() {
    chunk_store chunks{
        {path(), 8 * test_store::shape.chunk_bytes(), test_store::shape, other_model, "other, bf16", 1000}};
    auto files = open_segments(chunks.folder(), chunks.layout().segment_sizes_bytes());
    folder = chunks.folder().filename().string();
    auto registry = open_registry(path());
    registry->note_model({other_model, {}, "other, bf16", 5000});
    kv::lineage window{.tokens = std::vector<kv::token_id>(64, 4999),
                       .root = kv::root_key(other_model, registry->tenant_salt("carol"))};
    window.settled = 64;
    auto link = kv::chain(window, 64).at(0);
    registry->write({"carol", "talk"}, 1,
                    {.messages = {{"user", "hello", window.tokens}}, .window = window, .chunks = {link.key}});
    stored_chunk row{link.key, 0, 0, 64, {}};
    auto memory = kv::plain_memory(test_store::shape.chunk_bytes());
    for (auto& b : memory.bytes()) b = std::byte{7};
    for (std::uint32_t layer = 0; layer < test_store::shape.layers; ++layer) {
      auto place = test_store::shape.packed(layer, 64);
      row.checksums.push_back(kv::checksum(memory.bytes().subspan(place.offset_bytes, place.bytes)));
    }
    EXPECT_GT(::pwrite(files.files[0].get(), memory.bytes().data(), memory.bytes().size(), 0), 0);
    chunks.commit({.added = {row}});
  }
  std::string folder;
};

TEST(FsckModels, EveryCacheIsLookedAt) {
  two_models at;
  auto r = check(at);
  EXPECT_THAT(lines(r), IsEmpty()) << "tokens of the model with more of them are no damage";
  EXPECT_EQ(r.chunks, static_cast<std::int64_t>(at.chunks()) + 1);
  ASSERT_EQ(r.caches.size(), 2u);
  EXPECT_EQ(r.caches[1].shown(), "other, bf16 (00000003)");
}

TEST(FsckModels, AWrongBitIsFoundInTheCacheThatHasItAndNamedByItsFolder) {
  two_models at;
  at.flip(at.folder + "/segment-0000.kv", 800);
  EXPECT_THAT(lines(check(at)), Contains(HasSubstr("in " + at.folder + "/segment-0000.kv at 0: its bytes")));
  EXPECT_THAT(lines(check(at, true)), Contains(HasSubstr("dropped")));
  auto r = check(at);
  EXPECT_TRUE(r.sound());
  EXPECT_EQ(r.chunks, static_cast<std::int64_t>(at.chunks()));
}

TEST(FsckModels, ADamagedCatalogueIsPutAsideInItsOwnFolder) {
  two_models at;
  at.zero_page(at.folder + "/catalog.sqlite", "name = 'chunks'");
  EXPECT_THAT(lines(check(at, true)), Contains(HasSubstr("damage: " + at.folder + "/catalog.sqlite")));
  EXPECT_TRUE(std::filesystem::exists(at / at.folder / "catalog.sqlite.damaged"));
  auto r = check(at);
  EXPECT_TRUE(r.sound());
  EXPECT_EQ(r.chunks, static_cast<std::int64_t>(at.chunks()));
}

TEST(FsckModels, OthersMayNotReadACachesFolder) {
  two_models at;
  std::filesystem::permissions(at / at.folder, std::filesystem::perms{0755});
  std::filesystem::permissions(at / at.folder / "segment-0000.kv", std::filesystem::perms{0644});
  EXPECT_THAT(lines(check(at)), testing::AllOf(Contains(HasSubstr("open: " + at.folder + ":")),
                                               Contains(HasSubstr("open: " + at.folder + "/segment-0000.kv"))));
  check(at, true);
  EXPECT_TRUE(check(at).sound());
}

TEST(FsckModels, ACacheIsDroppedByItsShortNameAndConversationsStay) {
  two_models at;
  EXPECT_THAT(reason([&] { check(at, false, "f00"); }),
              testing::AllOf(HasSubstr("no cache is called f00"), HasSubstr("other, bf16 (00000003)")));
  EXPECT_THAT(reason([&] { check(at, false, "0000000"); }), HasSubstr("more than one"));
  auto before = check(at);
  auto r = check(at, false, "00000003");
  EXPECT_THAT(lines(r), Contains(HasSubstr("that of other, bf16 (00000003) with 1 chunks was dropped")));
  EXPECT_TRUE(r.sound());
  EXPECT_EQ(r.caches.size(), 1u);
  EXPECT_EQ(r.conversations, before.conversations);
  EXPECT_FALSE(std::filesystem::exists(at / at.folder));
}

TEST(FsckModels, WhatIsSaidOfAModelHasAChecksum) {
  two_models at;
  at.sql("registry.sqlite", "UPDATE models SET vocabulary = 4000");
  EXPECT_THAT(lines(check(at, true)), Contains(HasSubstr("table models")));
  EXPECT_THAT(lines(check(at)), Not(Contains(HasSubstr("table models"))));
}

TEST(FsckModels, WhatIsSaidOfModelsSurvivesARegistryThatIsMadeAnew) {
  two_models at;
  at.zero_page("registry.sqlite", "name = 'points'");
  check(at, true);
  EXPECT_EQ(open_registry(at.path())->models(), (std::vector<served_model>{{other_model, {}, "other, bf16", 5000}}));
}

}  // namespace
}  // namespace chromatin::io
