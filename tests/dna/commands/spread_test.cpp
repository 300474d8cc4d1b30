// Files that do not fit one partition, compressed files, and other indexes, as a user types them.

#include "dna/partition/files.hpp"
#include "tests/dna/commands/command_line.hpp"

namespace chromatin::dna {
namespace {

class Spread : public test::CommandLine {
 protected:
  /// Small tubes of 64 leaves.
  void make_stores(const std::vector<std::string>& names) {
    const auto small = write("small.toml", "[profile]\nlevels = 3\n");
    for (const auto& name : names) run({"init", path(name), "--profile", small});
  }
  std::string long_text(int numbers) {
    std::string text;
    for (int i = 0; i < numbers; ++i) text += std::to_string(i * 7919) + " ";
    return text;
  }
  /// Strands of some stores as reads, in one file.
  std::string reads_of(const std::vector<std::string>& stores) {
    std::string all;
    for (const auto& one : stores) all += read_file(folder_ / one / "oligos.fa");
    return write("reads.fa", all);
  }
};

TEST_F(Spread, AFileLargerThanAPartitionComesBackOutOfOneFileOfReads) {
  make_stores({"a", "b", "c", "d"});
  const auto text = long_text(4000);
  ASSERT_GT(text.size(), 64U * 256);
  const auto file = write("book", text);
  EXPECT_NE(refusal({"put", path("a"), file}).find("the partition is full"), std::string::npos);
  EXPECT_NE(refusal({"put", path("a"), file, "--over", path("b")}).find("name more with --over"), std::string::npos);
  EXPECT_EQ(json({"put", path("a"), file, "--over", path("b"), path("c"), path("d")})["parts"], 3);
  EXPECT_EQ(run({"get", path("a"), "book", "--over", path("b"), path("c")}), text);
  EXPECT_NE(refusal({"get", path("a"), "book", "--over", path("b")}).find("part 3 of 3 was not read"),
            std::string::npos);

  const auto said = json({"decode", path("a"), path("b"), path("c"), reads_of({"a", "b", "c"}), "--out", path("out")});
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(said["spread_files"][0]["path"], "book");
  EXPECT_EQ(read_file(folder_ / "out/book"), text);
  json({"decode", path("a"), path("b"), reads_of({"a", "b"}), "--out", path("some")});
  EXPECT_EQ(status_, 3) << "a part is missing";
  EXPECT_FALSE(std::filesystem::exists(folder_ / "some/book"));
}

TEST_F(Spread, PartsOfDifferentAgesAreNotJoined) {
  make_stores({"a", "b"});
  auto text = long_text(2400);
  run({"put", path("a"), write("book", text), "--over", path("b")});
  const auto old_b = read_file(folder_ / "b/oligos.fa"), old_toml = read_file(folder_ / "b/partition.toml");
  text[100] = '#';
  run({"update", path("a"), "book", write("new", text), "--over", path("b")});
  EXPECT_EQ(run({"get", path("a"), "book", "--over", path("b")}), text);
  // Reads and count of a tube that never got its update.
  write("old-b.fa", read_file(folder_ / "a/oligos.fa") + old_b);
  write("b.toml", old_toml);
  const auto said = json({"decode", path("a"), path("b.toml"), path("old-b.fa"), "--out", path("out")});
  EXPECT_EQ(status_, 3);
  EXPECT_NE(said["spread_files"].dump().find("one is older"), std::string::npos) << said["spread_files"];
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out/book"));
}

TEST_F(Spread, CompressedFilesComeOutAsTheyWentIn) {
  make_stores({"a"});
  const auto text = long_text(1200);
  run({"put", path("a"), write("book", text), "--compress", "zstd"});
  EXPECT_TRUE(json({"ls", path("a")})[0]["compressed"].get<bool>());
  EXPECT_EQ(run({"get", path("a"), "book"}), text);
  run({"update", path("a"), "book", write("new", text + "more")});
  json({"decode", path("a"), reads_of({"a"}), "--out", path("out")});
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(read_file(folder_ / "out/book"), text + "more");
  EXPECT_EQ(run({"get", path("a"), "book", "--at", "1"}), text);
}

TEST_F(Spread, AFoldersTreeIsTheIndex) {
  std::filesystem::create_directories(folder_ / "tree/deep/er");
  write("tree/one", long_text(500));
  write("tree/deep/er/two", long_text(900));
  run({"init", path("a"), "--index", path("tree/")});
  run({"put", path("a"), path("tree")});
  EXPECT_EQ(json({"primers", path("a"), "tree/deep", "--any"}).size(), 2U) << "one prefix, and the reverse primer";
  json({"decode", path("a"), reads_of({"a"}), "--out", path("out")});
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(read_file(folder_ / "out/tree/deep/er/two"), long_text(900));
  const auto hashed = json({"init", path("h"), "--index", "hash:16,16,4"});
  EXPECT_EQ(hashed["leaves"], 1024);
  run({"put", path("h"), path("tree")});
  EXPECT_EQ(run({"get", path("h"), "tree/one"}), long_text(500));
  EXPECT_NE(refusal({"init", path("x"), "--index", "hash:16"}).find("at least two levels"), std::string::npos);
  EXPECT_NE(refusal({"init", path("x"), "--index", "nowhere"}).find("a folder to take as it is"), std::string::npos);
}

}  // namespace
}  // namespace chromatin::dna
