// Directories with journals of their own: each is read by itself, all of them at every commit, and nothing old is taken
// for current whatever was lost.

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "dna/partition/journal_end.hpp"
#include "dna/partition/partition.hpp"
#include "dna/partition/recovery.hpp"
#include "tests/dna/partition/seeded.hpp"

namespace chromatin::dna {
namespace {

using directory_contents = std::map<std::string, byte_string>;

class Directories : public seeded_test {
 protected:
  static partition empty(std::uint32_t version_nt = 2, double outer = 0) {
    profile geometry;
    geometry.directory_journals = true;
    geometry.version_nt = version_nt;
    geometry.outer = outer;
    return partition{describe(geometry, {"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"})};
  }
  static std::vector<block> put(partition& into, const std::string& path, byte_string content) {
    const std::vector<new_file> files{{path, std::move(content)}};
    return into.put(files);
  }
  static partition read(const partition& written, auto&& which) {
    std::vector<block> blocks;
    for (const auto& [id, one] : written.blocks())
      if (which(id)) blocks.push_back(one);
    return partition{written.description(), std::move(blocks)};
  }
  static partition read_alone(const partition& written, const std::string& directory) {
    const auto& of = written.journals().at(directory);
    return read(written, [&](const auto& id) { return of.owns(id.leaf); });
  }
  static std::string refusal(auto&& what) {
    try {
      what();
    } catch (const partition_error& error) {
      return error.what();
    }
    return "not refused";
  }

  /// Puts and changes files in some directories, and keeps what they held after every commit.
  void live(partition& written, std::vector<directory_contents>& states, int steps) {
    states.assign(1, {});
    for (int step = 0; step < steps; ++step) {
      auto state = states.back();
      if (state.empty() || below(4) == 0) {
        const auto directory = "d" + std::to_string(below(4));
        std::vector<new_file> files;
        for (auto count = 1 + below(2); count > 0; --count) {
          auto path = directory + (below(3) == 0 ? "/deeper/f" : "/f") + std::to_string(state.size());
          files.push_back({path, random_bytes(below(5) * below(300))});
          state[path] = files.back().content;
        }
        written.put(files);
      } else {
        auto& [path, content] = *std::next(state.begin(), static_cast<std::ptrdiff_t>(below(state.size())));
        const auto at = below(content.size() + 1);
        content.resize(std::min(content.size(), at + below(200)));
        const auto more = random_bytes(below(3) == 0 ? below(900) : below(20));
        content.insert(content.begin() + static_cast<std::ptrdiff_t>(std::min(at, content.size())), more.begin(),
                       more.end());
        written.update(path, content);
      }
      if (written.last_commit() == states.size()) states.push_back(state);
    }
  }
};

TEST_F(Directories, EveryCommitIsReadableWhereverItIsRecorded) {
  for (const auto version_nt : {1U, 2U})
    for (const double outer : {0.0, 0.1}) {
      auto written = empty(version_nt, outer);
      std::vector<directory_contents> states;
      live(written, states, 70);
      const auto again = read(written, [](const auto&) { return true; });
      ASSERT_TRUE(again.damage().empty()) << again.damage().front();
      ASSERT_EQ(again.last_commit() + 1, states.size());
      EXPECT_TRUE(again.has_all_to(again.last_commit()));
      EXPECT_EQ(again.history().size(), again.last_commit());
      for (std::uint32_t commit = 0; commit < states.size(); ++commit) {
        std::size_t files = 0;
        for (const auto& one : again.list(commit)) files += !one.directory;
        EXPECT_EQ(files, states[commit].size());
        for (const auto& [path, content] : states[commit]) {
          const auto found = again.get(path, commit);
          ASSERT_TRUE(found.content) << found.reason;
          ASSERT_EQ(*found.content, content) << path << " at " << commit;
        }
      }
      for (const auto& [name, one] : again.journals())
        for (const auto& [other_name, other] : again.journals())
          for (const auto& run : other.own())
            if (name != other_name) {
              EXPECT_FALSE(one.owns(run.first) || one.owns(run.end() - 1)) << name << " and " << other_name;
            }
    }
}

TEST_F(Directories, OneAloneTellsEverythingOfItself) {
  auto written = empty();
  std::vector<directory_contents> states;
  live(written, states, 40);
  for (const auto& [name, one] : written.journals()) {
    if (name.empty()) continue;
    const auto alone = read_alone(written, name);
    EXPECT_EQ(alone.last_commit(), one.last_commit());
    const auto nodes = written.prefixes(written.leaves_of(name));
    EXPECT_LE(nodes.size(), one.own().size()) << "a primer for each subtree";
    commit_knowledge known;
    known.directories[name].last_commit = one.last_commit();
    const auto found = recover(alone, known, name);
    EXPECT_TRUE(found.doubt.empty()) << found.doubt;
    EXPECT_EQ(found.commit, one.last_commit());
    EXPECT_TRUE(found.lost.empty() && found.unread.empty() && found.pieces.empty());
    std::size_t files = 0;
    for (const auto& [path, content] : states.back()) files += path.starts_with(name + "/");
    ASSERT_EQ(found.files.size(), files);
    for (const auto& file : found.files) {
      EXPECT_TRUE(file.current);
      EXPECT_EQ(file.content, states.back().at(file.name));
    }
  }
}

TEST_F(Directories, NothingOldIsTakenForCurrentWhateverIsLost) {
  for (int round = 0; round < 40; ++round) {
    auto written = empty(1 + static_cast<std::uint32_t>(below(2)), round % 3 == 0 ? 0.1 : 0);
    std::vector<directory_contents> states;
    live(written, states, 25);
    const auto share = 1 + below(40);
    const auto some = read(written, [&](const auto&) { return below(share) != 0; });
    commit_knowledge known;
    // By the count of all, by that of each, or by neither.
    if (round % 4 == 1) known.commits = written.last_commit();
    if (round % 4 > 1)
      for (const auto& [name, one] : written.journals()) known.directories[name].last_commit = one.last_commit();
    const auto found = recover(some, known);
    for (const auto& file : found.files)
      if (file.current) {
        ASSERT_EQ(file.content, states.back().at(file.name)) << file.name;
      } else {
        EXPECT_NE(file.name.find(".as-of-commit-"), std::string::npos) << file.name;
      }
    if (round % 4 == 0) {
      EXPECT_TRUE(std::none_of(found.files.begin(), found.files.end(), [](const auto& one) { return one.current; }))
          << "nothing tells which commit is the last";
    }
    // What is not given is named.
    for (const auto& [path, content] : states.back()) {
      const auto top = path.substr(0, path.find('/'));
      const auto names = [&](const std::string& name) { return name.starts_with(path) || name == top; };
      if (!some.find(path) && !some.journals().contains(top)) continue;
      if (!some.find(path)) {
        EXPECT_FALSE(found.doubt.empty()) << path;
        continue;
      }
      EXPECT_TRUE(std::ranges::any_of(found.files, names, &recovered::name) ||
                  std::ranges::any_of(found.pieces, names, &recovered::name) ||
                  std::ranges::any_of(found.unread, names))
          << path;
    }
  }
}

TEST_F(Directories, CommitsOfOthersShowThatOneIsWhole) {
  auto written = empty();
  put(written, "a/f", random_bytes(500));
  put(written, "b/f", random_bytes(500));
  written.update("a/f", random_bytes(480));
  const commit_knowledge count{3, {}, {}};
  const auto both = recover(read(written, [](const auto&) { return true; }), count);
  EXPECT_TRUE(both.doubt.empty()) << both.doubt;
  const auto newest = recover(read_alone(written, "a"), count);
  EXPECT_TRUE(newest.doubt.empty()) << "it has the last of all commits: " << newest.doubt;
  const auto other = recover(read_alone(written, "b"), count);
  EXPECT_FALSE(other.doubt.empty()) << "commit 3 may be of it";
  ASSERT_EQ(other.files.size(), 1U);
  EXPECT_EQ(other.files[0].name, "b/f.as-of-commit-2");
  const auto old_count = recover(read_alone(written, "a"), {2, {}, {}});
  EXPECT_FALSE(old_count.doubt.empty()) << "whoever counted two knows nothing of the third and what followed";
  put(written, "c/f", random_bytes(500));
  const auto without_a = read(written, [&](const auto& id) { return !written.journals().at("a").owns(id.leaf); });
  const auto some = recover(without_a, {4, {}, {}}, "b");
  EXPECT_FALSE(some.doubt.empty()) << "commit 4 is of c, and commit 3 may be of b";
}

TEST_F(Directories, ABlockOfALaterCommitCastsDoubt) {
  auto written = empty();
  put(written, "a/f", random_bytes(500));
  const auto added = written.update("a/f", random_bytes(500));
  const auto record = std::ranges::find(added, block_kind::journal, &block::kind);
  ASSERT_NE(record, added.end());
  const auto some = read(written, [&](const auto& id) { return id != record->id; });
  commit_knowledge believed;
  believed.directories["a"] = {};
  believed.directories[""] = {};
  const auto found = recover(some, believed);
  EXPECT_NE(found.doubt.find("was written by a commit after 1"), std::string::npos) << found.doubt;
  EXPECT_TRUE(std::ranges::none_of(found.files, &recovered::current));
}

TEST_F(Directories, ACommitIsInOneOfThem) {
  auto written = empty();
  const std::vector<new_file> two{{"a/f", {1}}, {"b/f", {2}}};
  EXPECT_NE(refusal([&] { written.put(two); }).find("within one top-level directory"), std::string::npos);
  EXPECT_NE(refusal([&] { put(written, "f", {1}); }).find("call it DIRECTORY/f"), std::string::npos);
  EXPECT_EQ(written.last_commit(), 0U);
  EXPECT_TRUE(written.blocks().empty());
  put(written, "a/f", {1});
  EXPECT_NE(refusal([&] { put(written, "a/f", {1}); }).find("is there already"), std::string::npos);
  EXPECT_NE(refusal([&] { written.update("b/f", byte_string{1}); }).find("there is no \"b/f\""), std::string::npos);
  EXPECT_NE(refusal([&] { written.update("a", byte_string{1}); }).find("is a directory"), std::string::npos);
  EXPECT_EQ(written.last_commit(), 1U);
}

TEST_F(Directories, OneThatOutgrowsItsSubtreeTakesAnotherAndThePartitionsJournalIsLeftAlone) {
  auto written = empty();
  put(written, "a/f", random_bytes(1000));
  put(written, "b/f", random_bytes(1000));
  const auto of_all = written.journals().at("").blocks();
  EXPECT_EQ(of_all.size(), 2U) << "a block for each directory";
  auto content = random_bytes(1000);
  for (int update = 0; update < 60; ++update) {
    const auto more = random_bytes(300);
    content.insert(content.end(), more.begin(), more.end());
    written.update("a/f", content);
  }
  EXPECT_GT(written.journals().at("a").own().size(), 1U);
  EXPECT_EQ(written.journals().at("").blocks(), of_all);
  for (const auto& [id, one] : written.blocks())
    EXPECT_EQ(std::ranges::count_if(written.journals(), [&](const auto& each) { return each.second.owns(id.leaf); }), 1)
        << "leaf " << id.leaf;
  const auto alone = read_alone(written, "a");
  EXPECT_EQ(*alone.get("a/f").content, content);
  EXPECT_EQ(*alone.get("a/f", 30).content, *written.get("a/f", 30).content);
  const auto next = written.journals().at("a").next();
  ASSERT_TRUE(next);
  EXPECT_TRUE(written.journals().at("a").owns(next->leaf)) << "its primers bring the next record, too";
}

TEST_F(Directories, AFullPartitionSaysSoAndStaysAsItWas) {
  auto written = empty();
  std::string said;
  for (int i = 0; i < 100 && said.empty(); ++i) {
    const auto before = written.blocks();
    const auto why = refusal([&] { put(written, "d" + std::to_string(i) + "/f", random_bytes(2000)); });
    if (why == "not refused") continue;
    said = why;
    EXPECT_EQ(written.blocks(), before);
    EXPECT_EQ(i, 63) << "of 64 subtrees of 16 leaves one is the partition's";
  }
  EXPECT_NE(said.find("the partition is full: \"d"), std::string::npos) << said;
  EXPECT_TRUE(read(written, [](const auto&) { return true; }).damage().empty());
}

TEST_F(Directories, OneLargerThanAnySubtreeTakesSeveral) {
  auto written = empty();
  const auto content = random_bytes(600 * 256);
  put(written, "kv/chunks", content);
  EXPECT_EQ(written.journals().at("kv").own().size(), 3U) << "three quarters of the partition";
  EXPECT_EQ(*read_alone(written, "kv").get("kv/chunks").content, content);
  EXPECT_EQ(written.prefixes(written.leaves_of("kv")).size(), 3U);
}

TEST_F(Directories, OneWhoseJournalIsLostIsNamed) {
  auto written = empty();
  put(written, "a/f", random_bytes(600));
  put(written, "b/f", random_bytes(600));
  const auto first = written.journals().at("a").first();
  const auto some = read(written, [&](const auto& id) { return id.leaf != first; });
  EXPECT_NE(some.journal_damage().front().find("\"a\": its journal was not read"), std::string::npos);
  commit_knowledge known;
  for (const auto& [name, one] : written.journals()) known.directories[name].last_commit = one.last_commit();
  const auto found = recover(some, known);
  EXPECT_EQ(found.unread, std::vector<std::string>{"a"});
  ASSERT_EQ(found.files.size(), 1U);
  EXPECT_TRUE(found.files[0].current);
  EXPECT_EQ(found.files[0].name, "b/f");
  auto copy = some;
  EXPECT_NE(refusal([&] { put(copy, "c/f", {1}); }).find("read whole"), std::string::npos);
}

TEST_F(Directories, ADamagedOrForeignJournalIsDamageAndNoCrash) {
  auto written = empty(1);
  std::vector<directory_contents> states;
  live(written, states, 30);
  std::vector<block> blocks;
  for (const auto& [id, one] : written.blocks()) blocks.push_back(one);
  for (int i = 0; i < 300; ++i) {
    auto some = blocks;
    auto& one = some[below(some.size())];
    if (i % 3 == 0) one.content = random_bytes(below(257)), one.kind = static_cast<block_kind>(2 + 2 * below(2));
    for (auto flips = below(4); flips > 0 && !one.content.empty(); --flips)
      one.content[below(one.content.size())] = static_cast<std::uint8_t>(random_());
    if (i % 4 == 0) std::erase_if(some, [](const auto& each) { return each.id.leaf < 4; });
    const partition read{written.description(), some};
    read.damage();
    for (const auto& found : read.list())
      if (!found.directory) read.get(found.path);
    read.prefixes(read.leaves_of(""));
    recover(read, {});
    recover(read, {}, "d1");
  }
}

TEST_F(Directories, ARecordThatFollowsStandsOutFromMisprimedCopies) {
  auto written = empty();
  const auto blocks = put(written, "a/f", random_bytes(2000));
  const auto alone = read_alone(written, "a");
  const auto& of = alone.journals().at("a");
  const auto outcomes_with = [&](std::uint64_t reads, std::uint64_t misprimed, std::uint64_t of_next) {
    std::vector<block_outcome> outcomes;
    for (const auto& one : blocks)
      if (of.owns(one.id.leaf)) outcomes.push_back({.id = one.id, .decoded = one, .reads = reads});
    for (const auto& run : of.own())
      for (auto leaf = run.first; leaf < run.end(); ++leaf)
        for (std::uint32_t version = 1; version < 16; ++version)
          outcomes.push_back({.id = {leaf, version}, .decoded = {}, .unexplained_reads = misprimed});
    for (auto& one : outcomes)
      if (one.id == *of.next()) one.unexplained_reads += of_next;
    outcomes.push_back({.id = {0, 1}, .decoded = {}, .unexplained_reads = 1000});  // of the partition's journal
    return outcomes;
  };
  EXPECT_EQ(doubt_of_end(alone, outcomes_with(300, 3, 0), "a"), "");
  EXPECT_NE(doubt_of_end(alone, outcomes_with(300, 3, 30), "a").find("was not decoded"), std::string::npos);
  EXPECT_NE(doubt_of_end(alone, outcomes_with(100, 3, 0), "a").find("reads a block would"), std::string::npos)
      << "a tenth of a hundred would not stand out";
  EXPECT_EQ(doubt_of_end(alone, outcomes_with(100, 0, 0), "a"), "");
  EXPECT_NE(doubt_of_end(alone, outcomes_with(300, 3, 0), "b"), "");
}

}  // namespace
}  // namespace chromatin::dna
