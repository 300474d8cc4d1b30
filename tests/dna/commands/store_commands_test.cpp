// `chromatin dna init, put, get, ls, update, history, order, primers, rm` as a user types them.

#include "dna/partition/files.hpp"
#include "dna/reads/reads.hpp"
#include "tests/dna/commands/command_line.hpp"

namespace chromatin::dna {
namespace {

const std::filesystem::path alice_chapters = std::filesystem::path{CHROMATIN_SOURCE_DIR} / "assets/alice/chapters";

class StoreCommands : public test::CommandLine {
 protected:
  const std::string store_ = path("tube");
};

TEST_F(StoreCommands, AliceGoesInAndComesOutWithItsHistory) {
  EXPECT_EQ(json({"init", store_})["block_bytes"], 256);
  const auto put = json({"put", store_, alice_chapters.string(), "--as", "alice"});
  EXPECT_EQ(put["commit"], 1);
  EXPECT_GE(put["blocks"], 599);
  const auto first = read_file(alice_chapters / "chapter-01.txt");
  EXPECT_EQ(run({"get", store_, "alice/chapter-01.txt"}), first);
  auto changed = first;
  changed.replace(changed.find("White Rabbit"), 12, "Grey Rabbit");
  const auto update = json({"update", store_, "alice/chapter-01.txt", write("new.txt", changed)});
  EXPECT_EQ(update["blocks"], 2) << "a patch and the journal";
  EXPECT_EQ(run({"get", store_, "alice/chapter-01.txt"}), changed);
  EXPECT_EQ(run({"get", store_, "alice/chapter-01.txt", "--at", "1"}), first);
  EXPECT_EQ(json({"history", store_, "alice/chapter-01.txt"}).size(), 2U);
  EXPECT_EQ(json({"history", store_, "alice/chapter-02.txt"}).size(), 1U);
  EXPECT_EQ(json({"ls", store_}).size(), 13U);
  EXPECT_EQ(json({"ls", store_, "alice/chapter-01.txt"})[0]["patches"], 1);
  run({"get", store_, "alice", "--out", path("out")});
  EXPECT_EQ(read_file(folder_ / "out/chapter-12.txt"), read_file(alice_chapters / "chapter-12.txt"));
}

TEST_F(StoreCommands, OrdersHoldWhatIsNewAndPrimersAreThere) {
  run({"init", store_});
  run({"put", store_, write("a", "some text")});
  EXPECT_EQ(json({"order", store_, "--out", path("1.fa")})["strands"], 30);
  EXPECT_NE(refusal({"order", store_, "--out", path("2.fa")}).find("nothing is new since order 1"), std::string::npos);
  run({"put", store_, write("b", "other text")});
  EXPECT_EQ(json({"order", store_, "--out", path("2.csv")})["strands"], 30);
  EXPECT_EQ(json({"order", store_, "--out", path("all.fa"), "--all"})["strands"], 60);
  EXPECT_EQ(read_file(folder_ / "2.csv").substr(0, 14), "name,sequence\n");
  read_source source{folder_ / "1.fa"};
  read one;
  ASSERT_TRUE(source.next(one));
  EXPECT_EQ(one.bases.size(), 150U);
  EXPECT_NE(refusal({"order", store_, "--out", path("3.txt"), "--all"}).find("name it .fa or .csv"), std::string::npos);

  const auto primers = json({"primers", store_, "a"});
  ASSERT_EQ(primers.size(), 2U);
  EXPECT_TRUE(one.bases.starts_with(primers[0]["sequence"].get<std::string>()));
  EXPECT_EQ(primers[1]["name"], "reverse");
  EXPECT_EQ(json({"primers", store_, "a", "--blocks", "0"}).size(), 2U);
  EXPECT_NE(refusal({"primers", store_, "a", "--blocks", "0-1"}).find("has blocks 0 to 0"), std::string::npos);
  EXPECT_NE(refusal({"primers", store_, "a", "--blocks", "x"}).find("is no range"), std::string::npos);
  EXPECT_NE(refusal({"primers", store_}).find("name a path"), std::string::npos);
  EXPECT_EQ(json({"primers", "--library"}).size(), 96U);
  EXPECT_EQ(json({"primers", store_, "a", "--check"})["primers"].size(), 1U);
}

TEST_F(StoreCommands, StoresBesideEachOtherGetOtherPrimers) {
  const auto first = json({"init", store_}), second = json({"init", path("tube2")});
  EXPECT_NE(first["forward"], second["forward"]);
  const std::vector<std::string> same{"init", path("tube3"), "--pair", "1"};
  EXPECT_NE(refusal(same).find("has one of these primers"), std::string::npos);
  EXPECT_NE(refusal({"init", path("tube4"), "--pair", "96"}).find("pairs 0 to 95"), std::string::npos);
  EXPECT_NE(refusal({"init", path("tube4"), "--forward", "ACGT", "--reverse", "ACGA"}).find("has 4 bases"),
            std::string::npos);
  EXPECT_NE(refusal({"init", path("tube4"), "--profile", "99nt"}).find("no built-in profile"), std::string::npos);
  const auto own = write("own.toml", "[profile]\nlike = \"200nt\"\nlevels = 3\n");
  EXPECT_EQ(json({"init", path("tube4"), "--profile", own})["leaves"], 64);
  const auto harsh = write("harsh.toml", "[profile]\npayload_nt = 240\ngc_min = 0.49\ngc_max = 0.51\n");
  EXPECT_NE(refusal({"init", path("tube5"), "--profile", harsh}).find("widen them"), std::string::npos);
  const auto misspelt = write("misspelt.toml", "[profile]\npayload = 96\n");
  EXPECT_NE(refusal({"init", path("tube5"), "--profile", misspelt}).find("has no \"payload\""), std::string::npos);
}

TEST_F(StoreCommands, StrandsAreThoseThatEarlierVersionsMade) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> made{
      {{"150nt"}, "db2421ae3edeca78"},
      {{"200nt"}, "7575d25e8975a0a9"},
      {{"poor"}, "0810b3df2a4ca71e"},
      {{"150nt", "--outer", "10%"}, "2e51106b3bb3fbc2"},
      {{"150nt", "--index", "hash:16,16,4"}, "36c6d37c06a21192"}};
  const auto first = read_file(alice_chapters / "chapter-01.txt");
  auto changed = first, longer = first;
  changed.replace(changed.find("White Rabbit"), 12, "Grey Rabbit");
  longer.insert(5000, std::string(700, '#'));
  const auto a = write("a", changed), b = write("b", longer);
  for (const auto& [profile, checksum] : made) {
    const auto store = path(checksum + "/tube");  // stores beside each other do not share primers
    std::vector<std::string> words{"init", store, "--pair", "0", "--profile"};
    words.insert(words.end(), profile.begin(), profile.end());
    run(words);
    run({"put", store, (alice_chapters / "chapter-01.txt").string(), (alice_chapters / "chapter-02.txt").string()});
    for (const auto& file : {a, b, a, b, a}) run({"update", store, "chapter-01.txt", file});
    EXPECT_NE(read_file(store + "/partition.toml").find(checksum), std::string::npos) << profile.front();
  }
}

TEST_F(StoreCommands, WhatCannotBeIsSaidInOneLine) {
  run({"init", store_});
  run({"put", store_, write("empty", "")});
  EXPECT_EQ(run({"get", store_, "empty"}), "");
  EXPECT_NE(refusal({"put", store_, path("empty")}).find("is there already"), std::string::npos);
  EXPECT_NE(refusal({"put", store_, path("empty"), "--as", "../x"}).find("leaves the partition"), std::string::npos);
  EXPECT_NE(refusal({"rm", store_, "empty"}).find("cannot be erased"), std::string::npos);
  EXPECT_NE(refusal({"get", store_, "nothing"}).find("ls shows"), std::string::npos);
  EXPECT_NE(refusal({"get", store_, "empty", "--at", "9"}).find("no commit 9"), std::string::npos);
  EXPECT_NE(refusal({"get", store_, "."}).find("name a folder with --out"), std::string::npos);
  EXPECT_NE(refusal({"ls", path("no-store")}).find("make one with init"), std::string::npos);
  const auto full = write("full", std::string(300'000, 'x'));
  EXPECT_NE(refusal({"put", store_, full}).find("the partition is full"), std::string::npos);
  EXPECT_EQ(json({"ls", store_}).size(), 1U);
}

}  // namespace
}  // namespace chromatin::dna
