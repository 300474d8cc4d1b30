// `chromatin dna decode` on reads as laboratories have them: adapters, mates, cut-off files, and tubes that lack their
// newest commit. The files are in tests/data/dna/cases; a.txt was put by commit 1 and changed by commit 2.

#include "dna/partition/files.hpp"
#include "tests/dna/commands/command_line.hpp"

namespace chromatin::dna {
namespace {

class DecodeCases : public test::CommandLine {
 protected:
  static std::string input(const std::string& name) {
    return (std::filesystem::path{CHROMATIN_SOURCE_DIR} / "tests/data/dna/cases" / name).string();
  }
  nlohmann::json decode(const std::string& partition, std::vector<std::string> reads) {
    std::filesystem::remove_all(folder_ / "out");
    reads.insert(reads.begin(), {"decode", input(partition), "--out", path("out")});
    return json(std::move(reads));
  }
  std::string written(const std::string& name) { return read_file(folder_ / "out" / name); }
  bool there(const std::string& name) { return std::filesystem::exists(folder_ / "out" / name); }

  const std::string commit_1_ = read_file(input("a-commit1.txt")), commit_2_ = read_file(input("a-commit2.txt"));
};

TEST_F(DecodeCases, AFileWhoseLastCommitWasNotReadIsNotGivenAsCurrent) {
  const auto said = decode("partition.toml", {input("stale-file-last-journal-commit-unread.fa")});
  EXPECT_EQ(status_, 5);
  EXPECT_FALSE(there("a.txt"));
  EXPECT_EQ(written("a.txt.as-of-commit-1"), commit_1_);
  EXPECT_NE(said["doubt"].get<std::string>().find("leaf 65 version 1 was written by a commit after 1"),
            std::string::npos)
      << said["doubt"];
}

TEST_F(DecodeCases, ABlockWhosePatchWasNotReadIsNotGivenAsCurrent) {
  const auto said = decode("partition.toml", {input("stale-block-patch-unread.fa"), "--commits", "2"});
  EXPECT_EQ(status_, 5);
  EXPECT_FALSE(there("a.txt"));
  EXPECT_FALSE(there("a.txt.block-1"));
  EXPECT_EQ(written("a.txt.block-1.as-of-commit-1"), commit_1_.substr(256, 256));
  EXPECT_EQ(written("a.txt.block-0"), commit_2_.substr(0, 256));
  ASSERT_EQ(said["lost"].size(), 1U);
  EXPECT_EQ(said["lost"][0]["block"], 1);
  EXPECT_EQ(said["lost"][0]["version"], 1);
}

TEST_F(DecodeCases, WhatAnEarlierDecodingLeftIsNotTakenForWhatWasRead) {
  decode("partition-pair1.toml", {input("control-clean.fq.gz")});
  EXPECT_EQ(written("a.txt"), commit_1_);
  const auto again = json(
      {"decode", input("partition-pair1.toml"), "--out", path("out"), input("control-clean.fq.gz"), "--commits", "2"});
  EXPECT_EQ(status_, 5);
  EXPECT_EQ(again["left_over"], nlohmann::json::array({"a.txt"}));
  EXPECT_TRUE(decode("partition-pair1.toml", {input("control-clean.fq.gz")})["left_over"].empty());
}

TEST_F(DecodeCases, TheEndOfTheJournalIsKnownByCountOrByDepth) {
  decode("partition-pair1.toml", {input("control-clean.fq.gz")});
  EXPECT_EQ(status_, 0) << "eight reads a strand show that no commit follows";
  decode("partition-pair1.toml", {input("control-clean.fq.gz"), "--commits", "1"});
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(written("a.txt"), commit_1_);
  decode("partition-pair1.toml", {input("control-clean.fq.gz"), "--commits", "2"});
  EXPECT_EQ(status_, 5);
  EXPECT_FALSE(there("a.txt"));
}

TEST_F(DecodeCases, StrandsAreFoundWhateverStandsAroundThem) {
  for (const auto* name :
       {"control-clean.fq.gz", "adapter-22nt-both-ends.fq.gz", "illumina-readthrough-3prime-34nt.fq.gz",
        "single-end-140-of-150.fq.gz", "real-errors-of-the-good-goldman-pool.fa.gz"}) {
    const auto said = decode("partition-pair1.toml", {input(name)});
    EXPECT_EQ(status_, 0) << name;
    EXPECT_EQ(written("a.txt"), commit_1_) << name;
    EXPECT_GE(said["sorted"].get<double>(), 0.98 * said["reads"].get<double>()) << name;
  }
  const auto nanopore = decode("partition.toml", {input("ont-nextera-flanks-untrimmed.fa")});
  EXPECT_EQ(nanopore["sorted"], 45);
  EXPECT_EQ(nanopore["pieces_not_current"].size(), 3U) << "no journal among them: blocks by leaf";
  EXPECT_NE(nanopore["remarks"].dump().find("96 on average (Nextera adapter)"), std::string::npos)
      << nanopore["remarks"];
}

TEST_F(DecodeCases, MatesAreJoinedAndLoneOnesAreRecognised) {
  decode("partition-pair1.toml", {"--pair", input("pe100_R1.fq.gz"), input("pe100_R2.fq.gz")});
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(written("a.txt"), commit_1_);
  const auto apart = decode("partition-pair1.toml", {input("pe100_R1.fq.gz"), input("pe100_R2.fq.gz")});
  EXPECT_EQ(status_, 4);
  EXPECT_NE(apart["remarks"].dump().find("--pair"), std::string::npos) << apart["remarks"];
}

TEST_F(DecodeCases, ACutOffFileGivesWhatIsThereAndSaysSo) {
  const auto said = decode("partition-pair1.toml", {input("truncated.fq.gz"), "--commits", "1"});
  EXPECT_EQ(status_, 6);
  EXPECT_EQ(written("a.txt"), commit_1_);
  ASSERT_EQ(said["damaged_files"].size(), 1U);
  EXPECT_NE(said["damaged_files"][0].get<std::string>().find("\"r282\""), std::string::npos) << said["damaged_files"];
  decode("partition-pair1.toml", {input("truncated.fq.gz")});
  EXPECT_EQ(status_, 5) << "too few reads are left to tell that no commit follows";
}

TEST_F(DecodeCases, CalibrateCutsAdaptersOffBeforeItCounts) {
  const auto found = json({"calibrate", input("calibrate-adapter-10nt-counted-as-insertions.fa"), "--oligos",
                           input("calibrate-oligos.fa")});
  EXPECT_LT(found["insertion"].get<double>(), 0.001);
  EXPECT_EQ(found["trimmed"], 30);
}

TEST_F(DecodeCases, LongNamesDoNotEndAFile) {
  const auto said = decode("partition.toml", {input("long-name-ends-file-silently.fq")});
  EXPECT_EQ(said["reads"], 30);
  EXPECT_EQ(said["pieces_not_current"].size(), 2U);
}

}  // namespace
}  // namespace chromatin::dna
