// Profiles and descriptions as files: what is written is read, and what cannot be is said.

#include <gtest/gtest.h>

#include "dna/geometry/description.hpp"
#include "tests/dna/geometry/primers.hpp"

namespace chromatin::dna {
namespace {

std::string refusal(auto&& what) {
  try {
    what();
  } catch (const profile_error& error) {
    return error.what();
  }
  return "not refused";
}

TEST(Profile, BuiltInSizes) {
  const auto p150 = built_in_profile("150nt"), p200 = built_in_profile("200nt");
  EXPECT_EQ(p150.strand_nt(), 150U);
  EXPECT_EQ(p150.block_bytes(), 256U);
  EXPECT_EQ(p150.leaves(), 1024U);
  EXPECT_NEAR(p150.bits_per_nt(), 0.910, 0.001);
  EXPECT_NEAR(p150.bits_per_nt_without_primers(), 1.241, 0.001);
  EXPECT_LE(p200.strand_nt(), 200U);
  EXPECT_EQ(p200.block_bytes(), 388U);
  EXPECT_NO_THROW(p200.check());
}

TEST(Profile, AnArchiveHasRoomForThousandsOfDirectories) {
  const auto archive = built_in_profile("archive");
  EXPECT_NO_THROW(archive.check());
  EXPECT_EQ(archive.leaves(), 65'536U);
  EXPECT_EQ(archive.versions(), 16U);
  EXPECT_EQ(archive.strand_nt(), 197U);
  EXPECT_EQ(archive.block_bytes(), 366U);
  EXPECT_TRUE(archive.directory_journals);
  EXPECT_EQ(profile_from_toml(to_toml(archive), "x"), archive);
  auto priced = archive;
  priced.prices.synthesis_per_nt = 1e-6;
  EXPECT_EQ(profile_from_toml(to_toml(priced), "x"), priced);
  for (const auto* other : {"150nt", "200nt", "poor"}) {
    const auto text = to_toml(built_in_profile(other));
    EXPECT_EQ(text.find("journals"), std::string::npos) << "earlier versions read it";
    EXPECT_EQ(text.find("price"), std::string::npos);
  }
}

TEST(Profile, WhatIsWrittenIsRead) {
  auto geometry = built_in_profile("200nt");
  geometry.name = "mine";
  geometry.gc_min = 0.35;
  geometry.sync = "";
  EXPECT_EQ(profile_from_toml(to_toml(geometry), "x"), geometry);
  const auto description = describe(geometry, test_primers);
  EXPECT_EQ(description_from_toml(to_toml(description), "x"), description);
  const auto seeded = describe(geometry, test_primers, 42);
  EXPECT_EQ(description_from_toml(to_toml(seeded), "x"), seeded);
  EXPECT_NE(description.seed, seeded.seed);
}

TEST(Profile, WhatCannotBeIsSaidWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"[profile]\nlevels = 9\n", "p.toml: profile: levels = 9, but it must be 1 to 8"},
      {"[profile]\nlevels = -1\n", "p.toml: [profile] levels must be a whole number"},
      {"[profile]\nlevels = \"five\"\n", "levels must be a whole number"},
      {"[profile]\npayload_nt = 97\n", "must be a multiple of 4"},
      {"[profile]\ndata_molecules = 13\n", "data_molecules + parity_molecules = 17"},
      {"[profile]\nparity_molecules = 1\n", "parity_molecules = 1"},
      {"[profile]\nsync = \"AX\"\n", "A, C, G and T only"},
      {"[profile]\ngc_min = 0.7\n", "gc_min = 0.7"},
      {"[profile]\nhomopolymer_max = 2\n", "homopolymer_max = 2"},
      {"[profile]\nlevel = 4\n", "has no \"level\""},
      {"[profile]\ndirectory_journals = 1\n", "must be true or false"},
      {"[profile]\nlike = \"archive\"\navoid = [\"GAATTC\"]\n", "whatever motif"},
      {"[profile]\nlike = \"archive\"\nindex = \"hash\"\nfan_out = [16, 16, 4]\n", "only of a quaternary index"},
      {"[profile]\n[profile.prices]\nper_pcr = -1\n", "per_pcr is below 0"},
      {"[profile]\n[profile.prices]\nper_gel = 1\n", "has no \"per_gel\""},
      {"[profil]\n", "\"profil\" is not known here"},
      {"", "has no section [profile]"},
      {"[profile\n", "p.toml:1:"}};
  for (const auto& [text, said] : wrong) {
    const auto why = refusal([&] { profile_from_toml(text, "p.toml"); });
    EXPECT_NE(why.find(said), std::string::npos) << text << why;
  }
}

TEST(Profile, PrimersThatCannotBeAreSaid) {
  EXPECT_NE(refusal([] {
              describe(profile{}, {"ACGT", test_primers.reverse});
            }).find("has 4 bases"),
            std::string::npos);
  EXPECT_NE(refusal([] {
              describe(profile{}, {"AACCGTGTTGCAGTCTGATN", test_primers.reverse});
            }).find("A, C, G and T only"),
            std::string::npos);
  EXPECT_NE(refusal([] {
              describe(profile{}, {test_primers.forward, test_primers.forward});
            }).find("needs two"),
            std::string::npos);
  EXPECT_NE(refusal([] {
              describe(profile{}, {"AACCGTGTTTTTGTCTGATC", test_primers.reverse});
            }).find("repeats a base 5 times"),
            std::string::npos);
}

}  // namespace
}  // namespace chromatin::dna
