// The library's pairs go with each other, by their letters and by primer3; what is wrong with a primer is said.

#include <gtest/gtest.h>

#include "dna/geometry/primer_check.hpp"
#include "dna/geometry/primers.hpp"
#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

std::vector<std::string> all_primers() {
  std::vector<std::string> all;
  for (const auto& pair : primer_library()) all.push_back(pair.forward), all.push_back(pair.reverse);
  return all;
}

TEST(PrimerLibrary, NoPrimerHasAFaultOrClashesWithAnother) {
  const auto all = all_primers();
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(primer_fault(all[i]), "") << all[i];
    for (std::size_t j = 0; j < i; ++j) EXPECT_FALSE(primers_clash(all[i], all[j])) << all[i] << " " << all[j];
  }
}

TEST(PrimerLibrary, Primer3FindsWhatTheTablePromises) {
  const auto all = all_primers();
  const primer3 programs;
  const std::vector<std::string> some{all.begin(), all.begin() + 20};
  for (const auto melting : programs.melting_points(some)) EXPECT_NEAR(melting, 60, 1.5);
  for (const auto hairpin : programs.hairpins(all)) EXPECT_LE(hairpin, 35);
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j <= i; j += 7) pairs.emplace_back(all[i], all[j]);
  for (const auto dimer : programs.dimers(pairs)) EXPECT_LE(dimer, 25);
}

TEST(PrimerLibrary, TheFirstPairsHaveTheBestAddresses) {
  const primer3 programs;
  for (const std::size_t number : {0, 1, 2})
    EXPECT_LE(poor_prefixes(strand_layout{describe(profile{}, primer_library()[number])}, programs), 4U);
}

TEST(PrimerLibrary, DesignFollowsTheSeed) {
  const auto once = design_primers(5, 20, 7), again = design_primers(5, 20, 7), other = design_primers(5, 20, 8);
  EXPECT_EQ(once, again);
  EXPECT_NE(once, other);
}

TEST(Primer, FaultsAreNamed) {
  const std::vector<std::pair<std::string, std::string>> faults{{"ACGT", "shorter"},
                                                                {"ACGTNACGTACGTACGTACG", "other letters"},
                                                                {"ATATTAATCATTAATACATC", "% G and C"},
                                                                {"ACGGGGTATCATGTCATCAC", "repeats a base"},
                                                                {"ACACACACTGTCGTAGTTGC", "repeats two bases"},
                                                                {"CAGCGTTCCAGATGACACCA", "does not end"},
                                                                {"CATATTACAGATGACGCCGC", "last five"},
                                                                {"CAGCGTTACAGAAACGCTTC", "pair with itself"}};
  for (const auto& [primer, said] : faults) EXPECT_NE(primer_fault(primer).find(said), std::string::npos) << primer;
}

TEST(Primer, SitesInPayloadsAreFoundOnBothStrands) {
  const auto primer = primer_library()[0].forward;
  auto damaged = primer;
  damaged[4] = damaged[4] == 'A' ? 'C' : 'A';
  const std::vector<std::string> strands{"GATTACAGATTACAGATTACAGATTACAGATTACA", "GATTACA" + damaged + "GATTACA",
                                         "GA" + reverse_complement(primer)};
  const std::vector<std::string_view> views{strands.begin(), strands.end()};
  const auto sites = primer_sites(primer, views, 5);
  ASSERT_EQ(sites.size(), 2U);
  EXPECT_EQ(sites[0].strand, 1U);
  EXPECT_EQ(sites[0].edits, 1U);
  EXPECT_FALSE(sites[0].reversed);
  EXPECT_EQ(sites[1].strand, 2U);
  EXPECT_TRUE(sites[1].reversed);
}

TEST(PrimerCheck, EveryPrefixOfAPartitionIsSeen) {
  const strand_layout layout{describe(profile{}, primer_library()[0])};
  const auto nodes = all_nodes(layout.addresses());
  EXPECT_EQ(nodes.size(), 1365U);
  const auto checks = check_primers(layout, std::span{nodes}.first(21), primer3{});
  ASSERT_EQ(checks.size(), 21U);
  EXPECT_NEAR(checks[0].melting_c, 61.5, 3) << "with the sync base";
  EXPECT_GT(checks[20].melting_c, checks[0].melting_c);
  EXPECT_EQ(checks[20].primer, layout.head() + "A" + layout.addresses().prefix(nodes[20]));
}

}  // namespace
}  // namespace chromatin::dna
