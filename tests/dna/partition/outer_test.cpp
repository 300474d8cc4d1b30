// With an outer code a directory survives the loss of whole blocks, updates and the journal's too.

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "dna/blocks/outer_code.hpp"
#include "dna/partition/recovery.hpp"
#include "tests/dna/partition/seeded.hpp"
#include "tests/dna/geometry/primers.hpp"

namespace chromatin::dna {
namespace {

class Outer : public seeded_test {
 protected:
  static partition empty(double outer = 0.1) {
    profile geometry;
    geometry.outer = outer;
    return partition{describe(geometry, test_primers)};
  }
  static partition without(const partition& all, auto&& lost) {
    std::vector<block> blocks;
    for (const auto& [id, one] : all.blocks())
      if (!lost(one)) blocks.push_back(one);
    return partition{all.description(), std::move(blocks)};
  }
};

TEST_F(Outer, AsManyBlocksAsThereIsParityAreRestored) {
  for (const std::size_t count : {1U, 2U, 40U, 300U, 700U}) {
    std::vector<block> members;
    std::vector<block_id> ids;
    for (std::uint32_t i = 0; i < count; ++i) {
      members.push_back({{i, 0}, i % 3 == 0 ? block_kind::patch : block_kind::data, random_bytes(random_() % 255)});
      ids.push_back(members.back().id);
    }
    const auto parity = outer_code::parity_for(count, 0.1);
    const auto contents = outer_code::encode(members, parity, 254);
    std::vector<block> checks;
    for (const auto& one : contents) checks.push_back({{0, 0}, block_kind::parity, one});
    std::vector<const block*> have, have_checks;
    for (const auto& one : members) have.push_back(&one);
    for (const auto& one : checks) have_checks.push_back(&one);
    for (std::uint32_t i = 0; i < parity; ++i) have[i] = nullptr;
    const auto restored = outer_code::restore(ids, have, have_checks, 254);
    ASSERT_EQ(restored.size(), parity) << count;
    for (const auto& one : restored) EXPECT_EQ(one, members[one.id.leaf]);
    have[parity % count] = have[count - 1] = nullptr;
    if (count < 3 || count > 200) continue;
    EXPECT_TRUE(outer_code::restore(ids, have, have_checks, 254).empty()) << "one more than can be";
  }
}

TEST_F(Outer, FilesUpdatesAndTheJournalSurviveLostBlocks) {
  auto written = empty();
  const auto a = random_bytes(30 * 254), b = random_bytes(5 * 254);
  const std::vector<new_file> both{{"d/a", a}, {"d/b", b}};
  written.put(both);
  auto changed = a;
  for (const std::size_t at : {300U, 2000U, 5000U}) changed[at] ^= 1;
  written.update("d/a", changed);
  const auto blocks = written.find("d/a")->blocks;
  ASSERT_EQ(blocks[1].patches(), 1U);
  const auto read = without(written, [&](const block& one) {
    return one.id == block_id{0, 0} || one.id == block_id{1, 1} || one.id == block_id{blocks[1].leaf, 1} ||
           one.id == block_id{blocks[3].leaf, 0} || one.id == block_id{blocks[29].leaf, 0} ||
           one.id == block_id{written.find("d/b")->blocks[2].leaf, 0};
  });
  const auto found = recover(read, {.commits = 2, .doubt = {}});
  EXPECT_TRUE(found.doubt.empty()) << found.doubt;
  ASSERT_EQ(found.files.size(), 2U) << (found.lost.empty() ? "" : found.lost[0].path);
  EXPECT_EQ(found.files[0].content, changed);
  EXPECT_EQ(found.files[1].content, b);
  EXPECT_EQ(found.restored, 5U);
  EXPECT_TRUE(found.lost.empty());
}

TEST_F(Outer, RandomLossesNeverGiveWrongBytes) {
  auto written = empty(0.2);
  std::vector<byte_string> contents{random_bytes(20 * 254)};
  const std::vector<new_file> file{{"f", contents[0]}};
  written.put(file);
  for (int i = 0; i < 8; ++i) {
    auto next = contents.back();
    next[random_() % next.size()] ^= 1;
    if (i % 3 == 2) next.insert(next.begin() + 1000, 300, std::uint8_t{7});
    written.update("f", next);
    contents.push_back(next);
  }
  std::size_t whole = 0;
  for (int i = 0; i < 200; ++i) {
    const auto rate = random_() % 30;
    const auto read = without(written, [&](const block&) { return random_() % 100 < rate; });
    const auto found = recover(read, {.commits = written.last_commit(), .doubt = {}});
    for (const auto& one : found.files) {
      if (one.current) {
        EXPECT_EQ(one.content, contents.back());
      }
      EXPECT_NE(std::find(contents.begin(), contents.end(), one.content), contents.end());
      whole += one.current;
    }
  }
  EXPECT_GT(whole, 20U);
  EXPECT_LT(whole, 200U);
}

TEST_F(Outer, AFilesPrimersBringItsParity) {
  auto written = empty();
  const std::vector<new_file> files{{"a", random_bytes(20 * 254)}, {"b", random_bytes(20 * 254)}};
  written.put(files);
  const auto leaves = written.leaves_of("a");
  EXPECT_EQ(leaves.size(), 22U);
  for (const auto leaf : leaves) EXPECT_TRUE(written.blocks().contains({leaf, 0})) << leaf;
  EXPECT_EQ(written.leaves_of("/"), (std::vector<std::uint32_t>{0, 1})) << "the journal and its second copy";
}

TEST_F(Outer, EveryEditOfAPartitionWithParityIsReadable) {
  auto written = empty();
  auto content = random_bytes(2000);
  const std::vector<new_file> file{{"f", content}};
  written.put(file);
  for (int i = 0; i < 30; ++i) {
    const auto at = static_cast<std::ptrdiff_t>(random_() % content.size());
    if (i % 4 == 0)
      content.insert(content.begin() + at, 1 + random_() % 600, static_cast<std::uint8_t>(i));
    else
      content[static_cast<std::size_t>(at)] ^= 5;
    written.update("f", content);
    const auto read = without(written, [](const block&) { return false; });
    ASSERT_TRUE(read.damage().empty()) << read.damage().front();
    ASSERT_TRUE(read.strays().empty());
    ASSERT_EQ(*read.get("f").content, content);
    ASSERT_EQ(read.last_commit(), static_cast<std::uint32_t>(i + 2));
  }
}

TEST(Profiles, DensityWithAnOuterCode) {
  profile with;
  with.outer = 0.1;
  EXPECT_GE(with.bits_per_nt(), 0.80);
  EXPECT_EQ(with.block_bytes(), 254U);
  EXPECT_EQ(profile_from_toml("[profile]\nouter = \"10%\"\n", "x"), with);
  EXPECT_EQ(profile_from_toml(to_toml(with), "x"), with);
  EXPECT_EQ(built_in_profile("poor").parity_molecules, 8U);
  EXPECT_THROW(profile_from_toml("[profile]\nouter = \"10\"\n", "x"), profile_error);
}

TEST_F(Outer, AnUpdateOfPatchesAndNewBlocksIsRestoredAsItWas) {
  // Where blocks move and others are patched by one commit, parity is across both, in the order that the journal tells.
  auto written = empty(0.5);
  auto content = random_bytes(8 * 254);
  const std::vector<new_file> file{{"f", content}};
  written.put(file);
  const auto other = random_bytes(254);
  std::copy(other.begin(), other.end(), content.begin());
  for (const std::size_t at : {600U, 1100U, 1700U}) content[at] ^= 1;
  const auto added = written.update("f", content);
  std::size_t restored = 0;
  for (const auto& lost : added) {
    if (lost.kind == block_kind::parity || lost.kind == block_kind::journal) continue;
    const auto read = without(written, [&](const block& one) { return one.id == lost.id; });
    ASSERT_TRUE(read.blocks().contains(lost.id));
    EXPECT_EQ(read.blocks().at(lost.id), lost);
    EXPECT_EQ(*read.get("f").content, content);
    ++restored;
  }
  EXPECT_GE(restored, 5U);
}

}  // namespace
}  // namespace chromatin::dna
