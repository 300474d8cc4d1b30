// A store of profile `archive` as a user types it: conversations that are changed and read one by one, verify, cost.

#include <sstream>

#include "dna/partition/files.hpp"
#include "tests/dna/commands/command_line.hpp"

namespace chromatin::dna {
namespace {

class Archive : public test::CommandLine {
 protected:
  Archive() {
    // As `archive`, of 1,024 leaves: trees of 65,536 take a while.
    run({"init", store_, "--profile", write("small.toml", "[profile]\nlike = \"archive\"\nlevels = 5\n")});
  }
  static std::string turns(int count, int seed) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "turn " + std::to_string(i * 7919 + seed) + ": what was said then\n";
    return text;
  }
  void put(const std::string& conversation, const std::string& content) {
    std::filesystem::create_directories(folder_ / conversation);
    run({"put", store_, write(conversation + "/transcript", content), "--as", conversation + "/transcript"});
  }
  /// PCR and sequencing of a path, and what is read of it with partition.toml alone.
  nlohmann::json recall(const std::string& what, const std::string& reads, std::vector<std::string> more = {}) {
    std::filesystem::copy_file(folder_ / "tube/partition.toml", folder_ / "partition.toml",
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::remove_all(folder_ / "out");
    run({"pcr", store_, what, "--out", path("tube.fa")});
    run({"sequence", path("tube.fa"), "--reads", reads, "--out", path("reads.fq")});
    more.insert(more.begin(), {"decode", path("partition.toml"), path("reads.fq"), "--out", path("out")});
    return json(std::move(more));
  }
  std::string refused_put(const std::string& name) { return refusal({"put", store_, write(name, "x")}); }

  const std::string store_ = path("tube");
};

TEST_F(Archive, OneConversationIsReadWithoutTheTenantsJournal) {
  for (int i = 0; i < 8; ++i) put("c" + std::to_string(i), turns(20, i));
  run({"update", store_, "c3/transcript", write("new", turns(25, 3))});
  EXPECT_EQ(json({"ls", store_}).size(), 16U) << "a directory and a file each";
  EXPECT_EQ(json({"history", store_}).size(), 9U);
  EXPECT_EQ(json({"history", store_, "c3"}).size(), 2U);
  EXPECT_EQ(run({"get", store_, "c3/transcript", "--at", "8"}), turns(20, 3));
  EXPECT_EQ(run({"get", store_, "c3/transcript"}), turns(25, 3));
  EXPECT_EQ(json({"primers", store_, "c3", "--any"}).size(), 2U) << "one for the directory, and the reverse primer";

  const auto said = recall("c3", "30000", {"--only", "c3"});
  EXPECT_EQ(status_, 0) << said["doubt"] << said["lacking"];
  EXPECT_EQ(read_file(folder_ / "out/c3/transcript"), turns(25, 3));
  ASSERT_EQ(said["directories"].size(), 1U);
  EXPECT_EQ(said["directories"][0]["directory"], "c3");
  EXPECT_EQ(said["directories"][0]["commit"], 9);
  EXPECT_EQ(said["directories"][0]["doubt"], "");

  // So few reads would not show an update that was mixed in thinly.
  const auto poor = recall("c5", "400", {"--only", "c5"});
  EXPECT_EQ(status_, 5);
  EXPECT_EQ(read_file(folder_ / "out/c5/transcript.as-of-commit-6"), turns(20, 5));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out/c5/transcript"));
  json({"decode", store_, path("reads.fq"), "--out", path("known"), "--only", "c5"});
  EXPECT_EQ(status_, 0) << "the store knows that nothing follows";
  EXPECT_EQ(read_file(folder_ / "known/c5/transcript"), turns(20, 5));
}

TEST_F(Archive, AllOfItIsReadTogether) {
  for (int i = 0; i < 4; ++i) put("c" + std::to_string(i), turns(10 + i, i));
  run({"update", store_, "c1/transcript", write("new", turns(30, 1))});
  std::filesystem::copy_file(folder_ / "tube/partition.toml", folder_ / "partition.toml");
  const auto said = json({"decode", path("partition.toml"), path("tube/oligos.fa"), "--out", path("out")});
  EXPECT_EQ(status_, 0) << "every commit that is counted was read: " << said["doubt"];
  EXPECT_EQ(said["files"].size(), 4U);
  EXPECT_EQ(read_file(folder_ / "out/c1/transcript"), turns(30, 1));
  EXPECT_NE(refused_put("alone").find("call it DIRECTORY/alone"), std::string::npos);
  EXPECT_NE(refusal({"put", store_, path("c0"), path("c1")}).find("within one top-level"), std::string::npos);
  EXPECT_NE(refusal({"rm", store_, "c0"}).find("cannot be erased"), std::string::npos);
  run({"init", path("plain")});
  EXPECT_NE(refusal({"decode", path("plain"), path("tube/oligos.fa"), "--out", path("x"), "--only", "c0"})
                .find("no journals of their own"),
            std::string::npos);
}

TEST_F(Archive, VerifySaysWhatIsIntactOlderOrMissing) {
  for (int i = 0; i < 3; ++i) put("c" + std::to_string(i), turns(20, i));
  const auto old_strands = read_file(folder_ / "tube/oligos.fa");
  run({"update", store_, "c1/transcript", write("new", turns(24, 1))});
  const auto state_of = [](const nlohmann::json& said, const std::string& path) {
    for (const auto& directory : said["directories"])
      for (const auto& file : directory["files"])
        if (file["path"] == path) return file["state"].get<std::string>();
    return std::string{"not named"};
  };
  auto said = json({"verify", store_});
  EXPECT_EQ(status_, 0) << said;
  EXPECT_EQ(state_of(said, "c1/transcript"), "intact");
  EXPECT_NE(run({"verify", store_}).find("1 of 1 files intact"), std::string::npos);

  said = json({"verify", store_, "--reads", write("old.fa", old_strands)});
  EXPECT_EQ(status_, 5) << said;
  EXPECT_EQ(state_of(said, "c0/transcript"), "intact");
  EXPECT_EQ(state_of(said, "c1/transcript"), "older");

  // All strands of one leaf of c2's file are gone.
  const auto leaf = json({"ls", store_, "c2/transcript"})[0]["leaves"][0].get<int>();
  std::string some, line, name;
  std::istringstream lines{read_file(folder_ / "tube/oligos.fa")};
  while (std::getline(lines, name) && std::getline(lines, line))
    if (std::stoi(name.substr(1)) != leaf) some += name + "\n" + line + "\n";
  said = json({"verify", store_, "--reads", write("some.fa", some)});
  EXPECT_EQ(status_, 3) << said;
  EXPECT_EQ(state_of(said, "c2/transcript"), "missing");
  EXPECT_EQ(state_of(said, "c1/transcript"), "intact");

  // A strand of the store itself is damaged: its neighbours make up for it.
  auto damaged = read_file(folder_ / "tube/oligos.fa");
  damaged.erase(damaged.size() - 40, 1);
  std::ofstream{folder_ / "tube/oligos.fa", std::ios::binary} << damaged;
  said = json({"verify", store_});
  EXPECT_EQ(status_, 6) << said;
  EXPECT_NE(said["store_damage"], "");
  EXPECT_EQ(state_of(said, "c1/transcript"), "intact");
}

TEST_F(Archive, VerifyKnowsStoresOfAnyProfile) {
  run({"init", path("plain")});
  run({"put", path("plain"), write("a", turns(30, 0))});
  EXPECT_EQ(json({"verify", path("plain")})["directories"][0]["files"][0]["state"], "intact");
  EXPECT_EQ(status_, 0);
}

TEST_F(Archive, CostsOfConversationsStateTheirPrices) {
  const auto said = json({"cost", "--conversations", "1000", "--tokens", "500"});
  EXPECT_EQ(said["bytes"], 2000);
  EXPECT_EQ(said["blocks"], 8) << "six of the transcript, its journal, a line in the partition's";
  EXPECT_EQ(said["nt"], 8 * 15 * 197);
  EXPECT_EQ(said["per_partition"], (65'536 - 256) / 16);
  EXPECT_EQ(said["partitions"], 1);
  EXPECT_NEAR(said["synthesis_dollars"].get<double>(), 8 * 15 * 197 * 0.0004, 1e-9);
  for (const auto& one : said["for_idle_time"])
    EXPECT_TRUE(one["synthesis_times_as_cheap"].is_null()) << "a recall alone costs more than a thousand years of disk";
  const auto file = write("cheap.toml",
                          "[profile]\nlike = \"archive\"\n[profile.prices]\nsynthesis_per_nt = 1e-12\nper_pcr = 0\n"
                          "per_million_reads = 0\n");
  const auto cheap = json({"cost", "--conversations", "10", "--profile", file, "--kv"});
  EXPECT_EQ(cheap["bytes"], 1000 * (4 + 12'288));
  EXPECT_EQ(cheap["per_partition"], 1) << "twelve million bytes of K and V take most of one";
  EXPECT_LT(cheap["even"][0]["even_after_years"].get<double>(), 1);
  // At a price at which it is even after so many years, it is even after so many years.
  for (const auto& one : cheap["for_idle_time"]) {
    std::ostringstream price;
    price << 1e-12 / one["synthesis_times_as_cheap"].get<double>();
    const auto priced = json({"cost", "--conversations", "10", "--profile", file, "--kv", "--per-nt", price.str()});
    EXPECT_NEAR(priced["even"][0]["even_after_years"].get<double>() / one["idle_years"].get<double>(), 1, 0.01);
  }
  EXPECT_NE(run({"cost", "--conversations", "10"}).find("assumed: $0.0004 a nucleotide"), std::string::npos);
  EXPECT_NE(refusal({"cost"}).find("name a store"), std::string::npos);
}

}  // namespace
}  // namespace chromatin::dna
