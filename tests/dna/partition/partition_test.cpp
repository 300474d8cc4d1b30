// What is read is what was stored, at every commit, from blocks in any order; and what is missing is named.

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "dna/partition/partition.hpp"
#include "tests/dna/partition/seeded.hpp"
#include "tests/dna/geometry/primers.hpp"

namespace chromatin::dna {
namespace {

byte_string text(std::string_view characters) { return {characters.begin(), characters.end()}; }

class Partition : public seeded_test {
 protected:
  /// Insertions, removals, replacements at random places, short and long.
  byte_string edited(byte_string content) {
    for (auto edits = 1 + below(4); edits > 0; --edits) {
      const auto at = below(content.size() + 1);
      const auto removed = std::min(content.size() - at, below(3) == 0 ? below(700) : below(8));
      const auto inserted = random_bytes(below(3) == 0 ? below(1500) : below(12));
      content.erase(content.begin() + static_cast<std::ptrdiff_t>(at),
                    content.begin() + static_cast<std::ptrdiff_t>(at + removed));
      content.insert(content.begin() + static_cast<std::ptrdiff_t>(at), inserted.begin(), inserted.end());
    }
    return content;
  }
  /// The same partition from its blocks in another order.
  partition read_anew(const partition& written) {
    std::vector<block> blocks;
    for (const auto& [id, one] : written.blocks()) blocks.push_back(one);
    std::shuffle(blocks.begin(), blocks.end(), random_);
    return partition{written.description(), std::move(blocks)};
  }
  static partition empty() { return partition{describe(profile{}, test_primers)}; }
  static std::vector<block> put(partition& into, const std::string& path, byte_string content) {
    const std::vector<new_file> files{{path, std::move(content)}};
    return into.put(files);
  }
  static std::string refusal(auto&& what) {
    try {
      what();
    } catch (const partition_error& error) {
      return error.what();
    }
    return "not refused";
  }
};

TEST_F(Partition, EveryCommitOfRandomFilesAndEditsIsReadable) {
  for (const auto version_nt : {1U, 2U}) {
    profile geometry;
    geometry.version_nt = version_nt;
    partition written{describe(geometry, test_primers)};
    std::vector<std::map<std::string, byte_string>> states{{}};
    for (int step = 0; step < 60; ++step) {
      auto state = states.back();
      if (state.empty() || below(4) == 0) {
        std::vector<new_file> files;
        for (auto count = 1 + below(3); count > 0; --count) {
          auto path = "d" + std::to_string(below(3)) + "/f" + std::to_string(state.size());
          files.push_back({path, random_bytes(below(6) * below(300))});
          state[path] = files.back().content;
        }
        written.put(files);
      } else {
        auto& [path, content] = *std::next(state.begin(), static_cast<std::ptrdiff_t>(below(state.size())));
        content = edited(content);
        written.update(path, content);
      }
      if (written.last_commit() == states.size()) states.push_back(state);
    }
    const auto read = read_anew(written);
    EXPECT_TRUE(read.damage().empty()) << read.damage().front();
    ASSERT_EQ(read.last_commit() + 1, states.size());
    for (std::uint32_t commit = 0; commit < states.size(); ++commit)
      for (const auto& [path, content] : states[commit]) {
        const auto found = read.get(path, commit);
        ASSERT_TRUE(found.content) << found.reason;
        ASSERT_EQ(*found.content, content) << path << " at " << commit;
      }
  }
}

TEST_F(Partition, SizesAtTheBordersOfABlock) {
  for (const std::size_t size : {0, 1, 255, 256, 257}) {
    auto written = empty();
    const auto content = byte_string(size, 0);
    put(written, "zeros", content);
    EXPECT_EQ(written.find("zeros")->blocks.size(), (size + 255) / 256);
    EXPECT_EQ(*read_anew(written).get("zeros").content, content);
  }
}

TEST_F(Partition, AFifthUpdateOfABlockGoesOnAtTheLeafThatTheThirdNamed) {
  auto written = empty();
  auto content = random_bytes(200);
  put(written, "note", content);
  const auto leaf = written.find("note")->blocks[0].leaf;
  for (int update = 1; update <= 5; ++update) {
    content[static_cast<std::size_t>(10 * update)] ^= 1;
    const auto blocks = written.update("note", content);
    ASSERT_EQ(blocks.size(), 2U) << "a patch or a block, and its journal";
    const auto now = written.find("note")->blocks[0];
    if (update <= 3) {
      EXPECT_EQ(blocks[0].id, (block_id{leaf, static_cast<std::uint32_t>(update)}));
    } else {
      EXPECT_EQ(now.leaf, *written.leaf(leaf).successor);
      EXPECT_EQ(now.patches(), static_cast<std::uint32_t>(update - 4));
    }
    EXPECT_EQ(*written.leaf(now.leaf).content, content) << "one leaf alone tells the newest content";
    EXPECT_EQ(*written.get("note").content, content);
  }
}

TEST_F(Partition, AChangeInThreeBlocksCostsThreePatches) {
  auto written = empty();
  auto content = random_bytes(50 * 256);
  put(written, "book", content);
  content[3 * 256 + 5] ^= 1;
  content.insert(content.begin() + 20 * 256 + 100, {1, 2, 3});
  content.erase(content.begin() + 40 * 256 + 3, content.begin() + 40 * 256 + 20);
  const auto blocks = written.update("book", content);
  EXPECT_EQ(std::count_if(blocks.begin(), blocks.end(), [](const auto& b) { return b.kind == block_kind::patch; }), 3);
  EXPECT_EQ(std::count_if(blocks.begin(), blocks.end(), [](const auto& b) { return b.kind == block_kind::data; }), 0);
  EXPECT_EQ(*read_anew(written).get("book").content, content);
}

TEST_F(Partition, ABlockThatMovesLeavesAForwardingPatch) {
  auto written = empty();
  auto content = random_bytes(3 * 256);
  put(written, "f", content);
  const auto changed = random_bytes(256);
  std::copy(changed.begin(), changed.end(), content.begin() + 256);
  const auto before = written.find("f")->blocks[1].leaf;
  written.update("f", content);
  const auto after = written.find("f")->blocks[1].leaf;
  EXPECT_NE(before, after);
  EXPECT_EQ(written.leaf(before).successor, after);
  EXPECT_EQ(*written.get("f").content, content);
}

TEST_F(Partition, WhatIsNotReadIsNamedAndWhatIsIsGiven) {
  auto written = empty();
  const auto a = random_bytes(1000), b = random_bytes(1000);
  const std::vector<new_file> both{{"a", a}, {"b", b}};
  written.put(both);
  auto changed = b;
  changed[300] ^= 1;
  written.update("b", changed);
  const auto blocks_of_b = written.find("b")->blocks;
  std::vector<block> blocks;
  for (const auto& [id, one] : written.blocks())
    if (id != block_id{blocks_of_b[1].leaf, 1}) blocks.push_back(one);
  const partition read{written.description(), blocks};
  EXPECT_EQ(*read.get("a").content, a);
  EXPECT_EQ(*read.get("b", 1).content, b) << "the version before the lost patch";
  const auto lost = read.get("b");
  EXPECT_FALSE(lost.content) << "the old version must not pass for the new one";
  ASSERT_EQ(lost.missing, (std::vector<block_id>{{blocks_of_b[1].leaf, 1}}));
  EXPECT_NE(lost.reason.find("\"b\": 1 of its blocks"), std::string::npos) << lost.reason;
  ASSERT_EQ(read.damage().size(), 1U);
  auto copy = read;
  EXPECT_NE(refusal([&] { put(copy, "c", a); }).find("read whole"), std::string::npos);
}

TEST_F(Partition, WithoutItsJournalLeavesAreStillReadable) {
  auto written = empty();
  const auto content = random_bytes(256);
  const auto blocks = put(written, "a", content);
  const partition read{written.description(), {blocks[0]}};
  EXPECT_TRUE(read.list().empty());
  ASSERT_FALSE(read.damage().empty());
  EXPECT_NE(read.damage()[0].find("the journal ends before leaf 0 version 0"), std::string::npos) << read.damage()[0];
  EXPECT_EQ(*read.leaf(blocks[0].id.leaf).content, content);
}

TEST_F(Partition, ALostJournalBlockInTheMiddleIsNoticed) {
  auto written = empty();
  for (int i = 0; i < 10; ++i) put(written, "f" + std::to_string(i), random_bytes(10));
  std::vector<block> journal;
  for (const auto& [id, one] : written.blocks())
    if (one.kind == block_kind::journal) journal.push_back(one);
  ASSERT_GE(journal.size(), 10U);
  for (std::size_t lost = 0; lost + 1 < journal.size(); ++lost) {
    std::vector<block> blocks;
    for (const auto& [id, one] : written.blocks())
      if (id != journal[lost].id) blocks.push_back(one);
    const partition read{written.description(), blocks};
    EXPECT_EQ(read.last_commit(), lost) << "commits before it stand";
    EXPECT_FALSE(read.damage().empty());
  }
}

TEST_F(Partition, ADamagedOrForeignJournalIsDamageAndNoCrash) {
  auto written = empty();
  for (int i = 0; i < 4; ++i) put(written, "d/f" + std::to_string(i), random_bytes(300));
  written.update("d/f1", random_bytes(2000));
  std::vector<block> blocks;
  for (const auto& [id, one] : written.blocks()) blocks.push_back(one);
  for (int i = 0; i < 300; ++i) {
    auto some = blocks;
    auto& one = some[below(some.size())];
    if (i % 3 == 0) one.content = random_bytes(below(257)), one.kind = block_kind::journal;
    for (auto flips = below(4); flips > 0 && !one.content.empty(); --flips)
      one.content[below(one.content.size())] = static_cast<std::uint8_t>(random_());
    const partition read{written.description(), some};
    read.damage();
    for (const auto& found : read.list())
      if (!found.directory) read.get(found.path);
    for (std::uint32_t leaf = 0; leaf < 300; ++leaf) read.leaf(leaf);
    read.prefixes(read.leaves_of(""));
  }
}

TEST_F(Partition, PathsThatCannotBeAreRefused) {
  auto written = empty();
  put(written, "d/f", text("x"));
  const std::vector<std::string> paths{
      "", "/f", "../f", "d/../../f", "d//f", "d/.", "f/", std::string{"a\0b", 3}, std::string(300, 'x')};
  for (const auto& path : paths)
    EXPECT_NE(refusal([&] { put(written, path, text("y")); }).find("path \""), std::string::npos) << path;
  EXPECT_NE(refusal([&] { put(written, "d/f", text("y")); }).find("is there already"), std::string::npos);
  EXPECT_NE(refusal([&] { put(written, "d/f/g", text("y")); }).find("is a file, not a directory"), std::string::npos);
  EXPECT_NE(refusal([&] { put(written, "d", text("y")); }).find("is there already"), std::string::npos);
  EXPECT_NE(refusal([&] { written.update("d", text("y")); }).find("is a directory"), std::string::npos);
  EXPECT_NE(refusal([&] { written.update("g", text("y")); }).find("there is no \"g\""), std::string::npos);
  EXPECT_NE(refusal([&] { written.get("d/f", 7); }).find("no commit 7"), std::string::npos);
  EXPECT_NE(refusal([&] { written.remove("d/f"); }).find("cannot be erased"), std::string::npos);
  EXPECT_EQ(written.last_commit(), 1U);
}

TEST_F(Partition, AFullPartitionSaysSoAndStaysAsItWas) {
  auto written = empty();
  put(written, "large", random_bytes(1000 * 256));
  const auto before = written.blocks();
  EXPECT_NE(refusal([&] { put(written, "more", random_bytes(40 * 256)); }).find("the partition is full"),
            std::string::npos);
  EXPECT_EQ(written.blocks(), before);
  EXPECT_EQ(*written.get("large").content, *read_anew(written).get("large").content);
  std::string said;
  for (int i = 0; i < 2000 && said.empty(); ++i) {
    const auto why = refusal([&] { put(written, "f" + std::to_string(i), random_bytes(100)); });
    if (why != "not refused") said = why;
  }
  EXPECT_NE(said.find("the partition is full"), std::string::npos) << said;
  EXPECT_TRUE(read_anew(written).damage().empty());
}

TEST_F(Partition, TwelveChaptersFitWithOnePrimerEachAndTheirUpdatesStayWithThem) {
  auto written = empty();
  std::vector<new_file> chapters;
  for (int i = 1; i <= 12; ++i)
    chapters.push_back({"alice/chapter-" + std::to_string(i), random_bytes(i < 12 ? 50 * 256 : 45 * 256)});
  written.put(chapters);
  EXPECT_EQ(written.history("alice").size(), 1U);
  for (auto& chapter : chapters) {
    EXPECT_EQ(written.prefixes(written.leaves_of(chapter.path)).size(), 1U);
    for (int update = 0; update < 6; ++update) chapter.content[700] ^= 1, written.update(chapter.path, chapter.content);
    EXPECT_EQ(written.prefixes(written.leaves_of(chapter.path)).size(), 1U);
  }
  EXPECT_EQ(written.prefixes(written.leaves_of("/")).size(), 1U) << "the journal";
  EXPECT_LE(written.prefixes(written.leaves_of("")).size(), 12U);
}

TEST_F(Partition, AFileThatShrankGivesItsBlocksBack) {
  auto written = empty();
  const auto long_one = random_bytes(40 * 256);
  put(written, "f", long_one);
  const auto before = written.free_leaves();
  const byte_string short_one{long_one.begin(), long_one.begin() + 10 * 256};
  written.update("f", short_one);
  EXPECT_EQ(written.find("f")->blocks.size(), 10U);
  EXPECT_EQ(written.free_leaves(), before + 30) << "addresses with slots that another block can begin in";
  const auto read = read_anew(written);
  EXPECT_EQ(*read.get("f").content, short_one);
  EXPECT_EQ(*read.get("f", 1).content, long_one);
  // What is left of blocks that shrank moves together when one of them is written anew.
  byte_string thinned;
  for (std::size_t i = 0; i < 10; ++i)
    thinned.insert(thinned.end(), short_one.begin() + static_cast<std::ptrdiff_t>(i * 256),
                   short_one.begin() + static_cast<std::ptrdiff_t>(i * 256 + 20));
  for (int update = 0; update < 6; ++update) {
    thinned[3] ^= 1;
    written.update("f", thinned);
  }
  EXPECT_LE(written.find("f")->blocks.size(), 3U);
  EXPECT_EQ(*read_anew(written).get("f").content, thinned);
}

TEST_F(Partition, LeavesThatWereGivenBackAreUsedWhenNothingElseIsLeft) {
  for (const double outer : {0.0, 0.1}) {
    profile geometry;
    geometry.levels = 4;  // 256 leaves
    geometry.outer = outer;
    partition written{describe(geometry, test_primers)};
    std::vector<std::map<std::string, byte_string>> states{{}};
    const auto commit = [&](const std::map<std::string, byte_string>& state) {
      if (written.last_commit() == states.size()) states.push_back(state);
    };
    int reused = 0;  // rounds whose file got such a leaf: the second must not get the first one's again
    for (int round = 0; round < 24 && reused < 3; ++round) {
      auto state = states.back();
      const auto name = "f" + std::to_string(round);
      // Few blocks a file: parity and journal need leaves that nobody had.
      const auto size = (reused ? 10 : 20) * std::size_t{250};
      const auto why = refusal([&] { put(written, name, state[name] = random_bytes(size)); });
      ASSERT_EQ(why, "not refused") << round;
      commit(state);
      reused += std::ranges::any_of(written.find(name)->blocks, [](const auto& part) { return part.base > 0; });
      state[name].resize(100);
      written.update(name, state[name]);
      commit(state);
    }
    EXPECT_EQ(reused, 3);
    const auto read = read_anew(written);
    EXPECT_TRUE(read.damage().empty()) << read.damage().front();
    ASSERT_EQ(read.last_commit() + 1, states.size());
    for (std::uint32_t at = 0; at < states.size(); ++at)
      for (const auto& [path, content] : states[at]) {
        const auto found = read.get(path, at);
        ASSERT_TRUE(found.content) << found.reason;
        EXPECT_EQ(*found.content, content) << path << " at " << at;
      }
  }
}

TEST_F(Partition, CompressedFilesComeBackAsTheyWere) {
  auto written = empty();
  auto text_of = [](int n) {
    std::string made;
    for (int i = 0; i < n; ++i) made += "the same line again and again, number " + std::to_string(i) + "\n";
    return text(made);
  };
  const std::vector<new_file> files{{"c", text_of(200), true}, {"plain", text_of(200)}};
  written.put(files);
  EXPECT_LT(written.find("c")->blocks.size() * 4, written.find("plain")->blocks.size());
  EXPECT_TRUE(written.find("c")->compressed);
  written.update("c", text_of(300));
  const auto read = read_anew(written);
  EXPECT_EQ(*read.get("c").content, text_of(300));
  EXPECT_EQ(*read.get("c", 1).content, text_of(200));
  EXPECT_TRUE(written.update("c", text_of(300)).empty()) << "nothing changed";
}

TEST_F(Partition, AnyIndexHoldsFilesAndTheirUpdates) {
  const std::vector<index_shape> shapes{index_shape{}, index_shape::of_hash({16, 16, 4}),
                                        index_shape::of_levels({3, 30, 5}),
                                        index_shape::of_files({{"d/a", 12}, {"d/b", 40}, {"d/e/c", 9}, {"alone", 3}})};
  for (const auto& shape : shapes) {
    profile geometry;
    geometry.index = shape;
    partition written{describe(geometry, test_primers)};
    std::map<std::string, byte_string> state{
        {"d/a", random_bytes(10 * 256)}, {"d/b", random_bytes(30 * 256)}, {"d/e/c", random_bytes(1500)}, {"alone", {}}};
    std::vector<new_file> files;
    for (const auto& [path, content] : state) files.push_back({path, content});
    written.put(files);
    for (int i = 0; i < 12; ++i) {
      auto& [path, content] = *std::next(state.begin(), static_cast<std::ptrdiff_t>(below(3)));
      if (content.empty()) continue;
      content[below(content.size())] ^= 1;
      written.update(path, content);
    }
    const auto read = read_anew(written);
    for (const auto& [path, content] : state) EXPECT_EQ(*read.get(path).content, content) << path;
    for (const auto& [path, content] : state)
      if (const auto place = shape.place_of(path))
        for (const auto file = *read.find(path); const auto& part : file.blocks) {
          const bool inside = part.leaf >= place->first && part.leaf < place->end();
          EXPECT_TRUE(inside || shape.what() == index_shape::kind::hash) << path << " leaf " << part.leaf;
        }
    if (shape.what() != index_shape::kind::directories) continue;
    // A directory's own prefix brings it, and the strands that begin with its primer are those of the directory.
    const auto nodes = read.prefixes(read.leaves_of("d"));
    ASSERT_EQ(nodes.size(), 1U);
    EXPECT_EQ(read.addresses().below(nodes[0]), *shape.place_of("d"));
  }
}

}  // namespace
}  // namespace chromatin::dna
