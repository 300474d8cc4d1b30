// Random bits of all files of a store, each flipped in a store of its own. FLIPS=1000 in the environment for a long
// run, SEED for others.

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/fsck/fsck.hpp"
#include "io/sqlite.hpp"
#include "tests/io/store_at_rest.hpp"

namespace chromatin::io {
namespace {

using test_store::store_at_rest;
using test_store::told;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value ? std::strtoull(value, nullptr, 10) : otherwise;
}

/// A random bit: each file as often as the others, and of a segment mostly bytes that mean something.
std::pair<std::string, std::uint64_t> random_bit(const store_at_rest& at, std::mt19937_64& random) {
  std::vector<std::string> files;
  for (const auto& file : std::filesystem::directory_iterator(at.path()))
    if (file.file_size() > 0) files.push_back(file.path().filename().string());
  std::ranges::sort(files);
  const auto& file = files[random() % files.size()];
  return {file, random() % (8 * std::filesystem::file_size(at / file))};
}

struct tally {
  int found = 0, harmless = 0, refused = 0, lost = 0, dropped_chunks = 0;
};

/// What a server tells of this conversation is what was written, or an error.
void compare(registry_store& registry, const conversation_key& key, const told& wanted, bool cut_back, tally& t) {
  try {
    auto now = test_store::tell(registry, key);
    if (now == wanted) return;
    EXPECT_TRUE(cut_back) << key.id << " is answered from other tokens than were written";
    EXPECT_LE(now.messages.size(), wanted.messages.size());
    for (std::size_t i = 0; i < now.messages.size(); ++i) {
      EXPECT_EQ(now.messages[i].content, wanted.messages[i].content);
      EXPECT_EQ(now.messages[i].tokens, wanted.messages[i].tokens);
    }
    EXPECT_EQ(now.record.window.tokens,
              (std::vector<kv::token_id>{
                  wanted.record.window.tokens.begin(),
                  wanted.record.window.tokens.begin() + static_cast<std::ptrdiff_t>(now.record.window.tokens.size())}));
  } catch (const std::bad_optional_access&) {
    ++t.lost;
    EXPECT_TRUE(cut_back) << key.id << " is gone, and nobody says so";
  } catch (const damaged_conversation&) {
    ++t.refused;
  } catch (const sqlite_error& e) {
    EXPECT_TRUE(e.damaged) << e.what();
    ++t.refused;
  }
}

/// All that a server would serve from this folder. `found`: fsck says that something is wrong.
void compare(const store_at_rest& at, const std::vector<told>& wanted, bool found, tally& t) {
  try {
    auto registry = open_registry(at.path(), random_salts(), test_store::vocabulary);
    for (std::size_t i = 0; i < wanted.size(); ++i) compare(*registry, at.conversations()[i], wanted[i], found, t);
  } catch (const open_error&) {
    EXPECT_TRUE(found);
  }
  try {
    chunk_store chunks{
        {at.path(), test_store::slots * test_store::shape.chunk_bytes(), test_store::shape, test_store::model}};
    auto rows = chunks.load();
    EXPECT_LE(rows.size(), at.chunks());
    std::set<std::uint32_t> slots;
    for (const auto& row : rows) {
      EXPECT_TRUE(slots.insert(row.slot).second);
      EXPECT_LE(row.fill, kv::tokens_per_chunk);
      EXPECT_EQ(row.checksums.size(), test_store::shape.layers);
    }
  } catch (const open_error&) {
    EXPECT_TRUE(found);
  }
}

TEST(Flips, EachIsFoundOrHarmlessAndNeverAnAnswer) {
  auto flips = from_environment("FLIPS", 40), seed = from_environment("SEED", 1);
  store_at_rest sound;
  std::vector<told> wanted;
  {
    auto registry = open_registry(sound.path());
    for (const auto& key : sound.conversations()) wanted.push_back(test_store::tell(*registry, key));
  }
  tally t;
  for (std::uint64_t i = 0; i < flips && !testing::Test::HasFailure(); ++i) {
    std::mt19937_64 random{seed * 1'000'000 + i};
    store_at_rest at, mended, served;
    auto [file, bit] = random_bit(at, random);
    SCOPED_TRACE(file + " bit " + std::to_string(bit) + ", flip " + std::to_string(i) + " of seed " +
                 std::to_string(seed));
    for (const auto* one : {&at, &mended, &served}) one->flip(file, bit);
    auto report = fsck::check({.folder = at.path(), .vocabulary = test_store::vocabulary});
    bool found = !report.findings.empty();
    ++(found ? t.found : t.harmless);
    compare(served, wanted, found, t);
    fsck::check({.folder = mended.path(), .repair = true, .vocabulary = test_store::vocabulary});
    auto again = fsck::check({.folder = mended.path(), .vocabulary = test_store::vocabulary});
    for (const auto& f : again.findings)
      EXPECT_TRUE(f.what_kind == fsck::kind::note || f.what.find("forget it") != std::string::npos ||
                  f.what.find("is not known") != std::string::npos)
          << f.where << ": " << f.what;
    compare(mended, wanted, found, t);
  }
  RecordProperty("found", t.found);
  std::printf("%d found, %d harmless; of conversations %d refused, %d lost and said so\n", t.found, t.harmless,
              t.refused, t.lost);
  EXPECT_GT(t.found, static_cast<int>(flips / 4));
}

}  // namespace
}  // namespace chromatin::io
