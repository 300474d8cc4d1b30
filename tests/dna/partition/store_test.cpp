// A partition in a folder: what was put is there when it is opened again, and nothing half done is.

#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "dna/partition/files.hpp"
#include "dna/partition/store.hpp"
#include "tests/dna/geometry/primers.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::dna {
namespace {

const primer_pair other_primers{"GTCATTGCGACCATAGTTGC", "CATCGGTTAGCAGTACCGTA"};

class Store : public testing::Test {
 protected:
  static byte_string bytes(std::size_t size, std::uint8_t seed) {
    std::mt19937 random{seed};
    byte_string made(size);
    for (auto& byte : made) byte = static_cast<std::uint8_t>(random());
    return made;
  }
  static std::string refusal(auto&& what) {
    try {
      what();
    } catch (const std::exception& error) {
      return error.what();
    }
    return "not refused";
  }
  store create(const std::string& name, const primer_pair& pair = test_primers) {
    return store::create(folder_ / name, describe(profile{}, pair));
  }
  store open(store::access how = store::access::read) { return store::open(folder_ / "tube", how); }

  test::temporary_folder folder_;
};

TEST_F(Store, WhatWasPutIsThereWhenItIsOpenedAgain) {
  auto content = bytes(3000, 1);
  {
    auto made = create("tube");
    const std::vector<new_file> files{{"d/f", content}, {"empty", {}}};
    made.put(files);
    content[1000] ^= 1;
    made.update("d/f", content);
  }
  auto opened = open();
  EXPECT_EQ(*opened.contents().get("d/f").content, content);
  EXPECT_EQ(opened.contents().get("empty").content->size(), 0U);
  EXPECT_EQ(opened.contents().get("d/f", 1).content->at(1000), content[1000] ^ 1);
  EXPECT_EQ(opened.strand_count() % 15, 0U);
  EXPECT_EQ(opened.strand(17).size(), 150U);
  EXPECT_EQ(opened.layout().parse(opened.strand(17).substr(20, 110))->id, opened.id(17));
}

TEST_F(Store, OnlyOneMayWriteAndReadersMayRead) {
  auto made = create("tube");
  EXPECT_NE(refusal([&] { open(store::access::write); }).find("being written to"), std::string::npos);
  EXPECT_EQ(open().strand_count(), 0U);
}

TEST_F(Store, NeighboursDoNotShareAPrimer) {
  create("tube");
  EXPECT_NE(refusal([&] { create("tube2"); }).find("has one of these primers"), std::string::npos);
  EXPECT_NE(refusal([&] {
              create("tube2", {other_primers.forward, test_primers.forward});
            }).find("has one of these primers"),
            std::string::npos);
  create("tube2", other_primers);
  EXPECT_NE(refusal([&] { create("tube2", other_primers); }).find("not empty"), std::string::npos);
}

TEST_F(Store, OrdersCountWhatIsNew) {
  auto made = create("tube");
  made.put(std::vector<new_file>{{"a", bytes(300, 1)}});
  EXPECT_EQ(made.ordered(), 0U);
  made.mark_ordered();
  EXPECT_EQ(made.ordered(), made.strand_count());
  made.mark_ordered();
  made.put(std::vector<new_file>{{"b", bytes(300, 2)}});
  made.mark_ordered();
  auto opened = open();
  ASSERT_EQ(opened.orders().size(), 2U);
  EXPECT_EQ(opened.orders()[1].first, 45U) << "two blocks and the journal";
  EXPECT_EQ(opened.ordered(), 90U);
}

TEST_F(Store, DamagedFilesAreNamed) {
  {
    auto made = create("tube");
    made.put(std::vector<new_file>{{"a", bytes(300, 1)}});
    made.mark_ordered();
  }
  const auto damage = [&](const std::string& name, const std::string& content, const std::string& said) {
    const auto file = folder_ / "tube" / name;
    const auto whole = read_file(file);
    std::ofstream{file, std::ios::binary} << content;
    const auto why = refusal([&] { open(); });
    EXPECT_NE(why.find(said), std::string::npos) << why;
    EXPECT_NE(why.find(file.string()), std::string::npos) << why;
    std::ofstream{file, std::ios::binary} << whole;
  };
  auto fasta = read_file(folder_ / "tube/oligos.fa");
  const auto swapped = fasta.substr(fasta.find('>', 1)) + fasta.substr(0, fasta.find('>', 1));
  damage("oligos.fa", swapped, "out of order");
  damage("oligos.fa", ">x\nACGT\n", "not of this partition");
  fasta[100] = fasta[100] == 'A' ? 'C' : 'A';
  damage("oligos.fa", fasta, "damaged");
  damage("orders.csv", "order,first_strand,strands\n1,0,x\n", "line 2 is damaged");
  damage("partition.toml", "[primers]\n", "has no section [profile]");
  EXPECT_EQ(open().contents().list().size(), 1U);
}

TEST_F(Store, LostLastLinesAreNoticedAndNotTakenForOlderContent) {
  auto made = create("tube");
  made.put(std::vector<new_file>{{"a", bytes(300, 1)}});
  made.mark_ordered();
  const auto before = read_file(folder_ / "tube/oligos.fa"), orders = read_file(folder_ / "tube/orders.csv");
  made.update("a", bytes(300, 2));
  made.mark_ordered();
  const auto note = read_file(folder_ / "tube/partition.toml"), after = read_file(folder_ / "tube/oligos.fa");
  const auto write = [&](const std::string& name, const std::string& content) {
    std::ofstream{folder_ / "tube" / name, std::ios::binary} << content;
  };
  write("oligos.fa", before);
  EXPECT_NE(refusal([&] { open(); }).find("its last lines were lost"), std::string::npos);
  std::filesystem::remove(folder_ / "tube/oligos.fa");
  EXPECT_NE(refusal([&] { open(); }).find("0 strands, but partition.toml counts"), std::string::npos);
  write("oligos.fa", after);
  const auto both = read_file(folder_ / "tube/orders.csv");
  write("orders.csv", orders);
  EXPECT_NE(refusal([&] { open(); }).find("1 orders, but partition.toml counts 2"), std::string::npos);
  write("orders.csv", both);
  EXPECT_EQ(*open().contents().get("a").content, bytes(300, 2));
  // A crash between the two files leaves more than is counted, and a store from before there was a count has none.
  auto fewer = note;
  fewer.replace(fewer.find("commits = 2"), 11, "commits = 1");
  write("partition.toml", fewer);
  EXPECT_EQ(open().contents().last_commit(), 2U);
  write("partition.toml", note.substr(0, note.find("[contents]")));
  EXPECT_EQ(open().contents().last_commit(), 2U);
}

TEST_F(Store, ACommitThatWasCutOffIsOutAndTheNextOneIsWrittenOverIt) {
  const auto fasta = folder_ / "tube/oligos.fa", toml = folder_ / "tube/partition.toml";
  std::string one, two, note, expected;
  {
    auto made = create("tube");
    made.put(std::vector<new_file>{{"a", bytes(300, 1)}});
    one = read_file(fasta), note = read_file(toml);
    made.put(std::vector<new_file>{{"b", bytes(900, 2)}});
    two = read_file(fasta);
  }
  ASSERT_TRUE(two.starts_with(one)) << "what was there is not written again";
  for (const auto length : {one.size(), two.size(), two.size() - 1, one.size() + 700, one.size() + 3}) {
    std::ofstream{fasta, std::ios::binary} << two.substr(0, length);
    std::ofstream{toml, std::ios::binary} << note;
    {
      auto opened = open(store::access::write);
      EXPECT_EQ(opened.contents().last_commit(), 1U) << length;
      opened.put(std::vector<new_file>{{"b", bytes(300, 3)}});
    }
    if (expected.empty()) expected = read_file(fasta);
    EXPECT_EQ(read_file(fasta), expected) << length;
    EXPECT_EQ(*open().contents().get("b").content, bytes(300, 3));
  }
}

TEST_F(Store, AFolderThatIsNoStoreSaysHowToMakeOne) {
  EXPECT_NE(refusal([&] { open(); }).find("make one with init"), std::string::npos);
}

}  // namespace
}  // namespace chromatin::dna
