// What a laboratory asks of the commands: names as they come, plates and pool lists, motifs to avoid, several tubes at
// once.

#include "dna/geometry/sequence.hpp"
#include "dna/partition/files.hpp"
#include "dna/reads/reads.hpp"
#include "tests/dna/commands/command_line.hpp"

namespace chromatin::dna {
namespace {

class Laboratory : public test::CommandLine {
 protected:
  std::vector<std::string> strands_of(const std::string& store) {
    std::vector<std::string> strands;
    read_source source{folder_ / store / "oligos.fa"};
    for (read one; source.next(one);) strands.push_back(one.bases);
    return strands;
  }
  const std::string store_ = path("tube");
};

TEST_F(Laboratory, NamesOfAnyBytesGoInAndComeOut) {
  std::filesystem::create_directories(folder_ / "in");
  const std::vector<std::string> names{"caf\xc3\xa9",         "latin-\xe9", "line\nbreak",
                                       std::string(255, 'x'), "a.block-0",  " "};
  for (const auto& name : names) std::ofstream{folder_ / "in" / name} << "content of it";
  run({"init", store_});
  run({"put", store_, path("in"), "--as", "in"});
  EXPECT_NE(json({"ls", store_}).dump().find("latin-\\\\xe9"), std::string::npos);
  run({"get", store_, "in", "--out", path("out")});
  run({"order", store_, "--out", path("o.fa")});
  json({"decode", store_, path("o.fa"), "--out", path("decoded")});
  EXPECT_EQ(status_, 0);
  for (const auto& name : names) {
    EXPECT_EQ(read_file(folder_ / "out" / name), "content of it");
    EXPECT_EQ(read_file(folder_ / "decoded/in" / name), "content of it");
  }
}

TEST_F(Laboratory, OrdersComeInTheColumnsOfAHouseWithVolumesToMixThem) {
  run({"init", store_});
  run({"put", store_, write("a", std::string(1000, 'a'))});
  run({"order", store_, "--out", path("1.csv"), "--pool-list", "idt"});
  EXPECT_TRUE(read_file(folder_ / "1.csv").starts_with("Pool name,Sequence\ntube,"));
  run({"put", store_, write("b", "b")});
  const auto second = json({"order", store_, "--out", path("2.csv"), "--pool-list", "twist"});
  EXPECT_TRUE(read_file(folder_ / "2.csv").starts_with("Name,Sequence\n"));
  EXPECT_NEAR(second["mix"][1]["volume"].get<double>(), 30.0 / 75, 1e-9);
  const auto sheet = run({"primers", store_, "a", "--plate", "96"});
  EXPECT_TRUE(sheet.starts_with("Plate,Well Position,Name,Sequence\n1,A1,forward-")) << sheet;
  const auto other = run({"primers", store_, "a", "--plate", "384", "--house", "sigma"});
  EXPECT_TRUE(other.starts_with("Plate,Row,Column,Oligo Name,Sequence\n1,A,1,forward-")) << other;
  EXPECT_GT(json({"ls", store_})[0]["strands"].get<int>(), 0);
}

TEST_F(Laboratory, MotifsAreAvoidedOnBothSides) {
  run({"init", store_, "--avoid", "GAATTC", "--avoid", "GGTCTC"});
  run({"put", store_, write("a", std::string(5000, 'a'))});
  for (const auto& strand : strands_of("tube"))
    for (const auto& side : {strand, reverse_complement(strand)})
      for (const auto* motif : {"GAATTC", "GGTCTC"}) EXPECT_EQ(side.find(motif), std::string::npos) << strand;
  const auto strict =
      write("strict.toml", "[profile]\npayload_nt = 24\nhomopolymer_max = 3\ngc_min = 0.3\ngc_max = 0.7\n");
  run({"init", path("strict"), "--profile", strict, "--pair", "1"});
  run({"put", path("strict"), write("b", std::string(2000, 'b'))});
  for (const auto& strand : strands_of("strict")) EXPECT_LE(longest_run(strand), 3U) << strand;
  EXPECT_NE(refusal({"init", path("none"), "--pair", "2", "--profile",
                     write("harsh.toml", "[profile]\nhomopolymer_max = 3\ngc_min = 0.49\ngc_max = 0.51\n")})
                .find("widen"),
            std::string::npos);
}

TEST_F(Laboratory, SeveralTubesAreReadOutOfOneFile) {
  for (const auto* name : {"one", "two"}) {
    run({"init", path(name)});
    run({"put", path(name), write(std::string{name} + ".txt", std::string{"this is "} + name)});
    run({"order", path(name), "--out", path(std::string{name} + ".fa")});
  }
  const auto both = write("both.fa", read_file(folder_ / "one.fa") + read_file(folder_ / "two.fa"));
  const auto said = json({"decode", path("one"), path("two"), both, "--out", path("out")});
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(said["partitions"].size(), 2U);
  EXPECT_EQ(read_file(folder_ / "out/one/one.txt"), "this is one");
  EXPECT_EQ(read_file(folder_ / "out/two/two.txt"), "this is two");
}

TEST_F(Laboratory, PrimersThatFoldAreGoneAround) {
  run({"init", store_, "--pair", "60"});
  run({"put", store_, write("a", std::string(150'000, 'a'))});
  const auto checked = json({"primers", store_, "--check"});
  std::size_t poor = 0;
  for (const auto& one : checked["primers"]) poor += !one["usable"].get<bool>();
  EXPECT_GT(poor, 0U) << "otherwise this shows nothing";
  for (int block = 0; block < 12; ++block)
    for (const auto& one : json({"primers", store_, "a", "--blocks", std::to_string(45 * block)}))
      for (const auto& known : checked["primers"]) {
        if (known["sequence"] != one["sequence"] || known["usable"].get<bool>()) continue;
        // Only where those one and two levels above are no better.
        const auto poor_one = one["sequence"].get<std::string>();
        for (const auto& above : checked["primers"])
          for (const std::size_t shorter : {2U, 4U})
            if (above["sequence"] == poor_one.substr(0, poor_one.size() - shorter)) {
              EXPECT_FALSE(above["usable"].get<bool>()) << above;
            }
      }
}

TEST_F(Laboratory, APoolWithAnOuterCodeLosesBlocksAndNothingElse) {
  run({"init", store_, "--outer", "10%"});
  std::string text;
  for (int i = 0; i < 3000; ++i) text += std::to_string(i);
  run({"put", store_, write("a", text)});
  auto strands = strands_of("tube");
  // All strands of three blocks are gone.
  strands.erase(strands.begin() + 15 * 5, strands.begin() + 15 * 8);
  std::string fasta;
  for (const auto& one : strands) fasta += ">x\n" + one + "\n";
  std::filesystem::copy_file(folder_ / "tube/partition.toml", folder_ / "partition.toml");
  const auto said = json({"decode", path("partition.toml"), write("some.fa", fasta), "--out", path("out")});
  EXPECT_EQ(status_, 0);
  EXPECT_EQ(said["restored_blocks"], 3);
  EXPECT_EQ(read_file(folder_ / "out/a"), text);
}

}  // namespace
}  // namespace chromatin::dna
