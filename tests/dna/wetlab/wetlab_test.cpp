// The simulated laboratory: what comes out is what the models say, and the same for the same seed.

#include <cmath>
#include <fstream>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "dna/wetlab/calibrate.hpp"
#include "dna/reads/reads.hpp"
#include "dna/geometry/sequence.hpp"
#include "dna/wetlab/pcr.hpp"
#include "dna/wetlab/sequencer.hpp"
#include "dna/wetlab/synthesis.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::dna::wetlab {
namespace {

const std::string forward = "AACCGTGTTGCAGTCTGATC", reverse = "TCAGGATACCGTTGACGTCA";

std::string random_bases(std::size_t count, std::mt19937_64& random) {
  std::string made;
  for (std::size_t i = 0; i < count; ++i) made += "ACGT"[random() % 4];
  return made;
}

/// Strands with these addresses behind the forward primer, and different payloads.
tube tube_of(const std::vector<std::string>& addresses, double copies = 1e5) {
  std::mt19937_64 random{11};
  std::vector<std::string> strands;
  for (const auto& address : addresses)
    strands.push_back(forward + address + random_bases(60, random) + reverse_complement(reverse));
  return synthesise(strands, addresses, {.copies = copies, .copy_number_variation = 0}, 1);
}

double copies_from(const tube& content, std::uint32_t origin) {
  double sum = 0;
  for (const auto& one : content.molecules) sum += one.origin == origin ? one.copies : 0;
  return sum;
}

pcr_step step_for(const std::string& address, int cycles = 20) {
  return {.forward = {{forward + address}}, .reverse = reverse, .cycles = cycles};
}

TEST(Priming, MismatchesAtThePrimingEndCostMost) {
  const priming_model model;
  const std::string primer = forward + "ACGTACGTAC";
  const auto pass_with = [&](std::vector<std::size_t> from_end) {
    auto site = primer;
    for (const auto d : from_end) site[site.size() - 1 - d] = site[site.size() - 1 - d] == 'A' ? 'C' : 'A';
    return prime(primer, site, model).pass;
  };
  EXPECT_EQ(pass_with({}), 1);
  EXPECT_NEAR(pass_with({0}), model.terminal_pass, 1e-9);
  EXPECT_LT(pass_with({0}), pass_with({1}));
  EXPECT_LT(pass_with({3}), pass_with({12}));
  EXPECT_LT(pass_with({0, 1}), pass_with({0}) * pass_with({1}));
  EXPECT_EQ(pass_with({0, 1, 2, 3, 4}), model.floor);
  EXPECT_EQ(pass_with({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}), 0) << "another partition's strand";
}

TEST(Pcr, MatchingStrandsGrowExponentiallyUntilReagentsRunOut) {
  const auto content = tube_of({"ACGTAC"}, 100);
  const auto few = amplify(content, {step_for("ACGTAC", 10)}, {}, 1).product.copies();
  EXPECT_GT(few, 100 * std::pow(1.6, 10));
  EXPECT_LT(few, 100 * std::pow(2.0, 10));
  const pcr_options small{.strands_max = 1e6};
  const auto end = amplify(content, {step_for("ACGTAC", 40)}, small, 1);
  EXPECT_TRUE(end.saturated);
  EXPECT_LT(end.product.copies(), 1e6);
}

TEST(Pcr, WithoutAReversePrimerGrowthIsLinear) {
  auto step = step_for("ACGTAC", 20);
  step.reverse.clear();
  const auto grown = amplify(tube_of({"ACGTAC"}, 1000), {step}, {}, 1).product.copies();
  EXPECT_GT(grown, 1000 * 5);
  EXPECT_LT(grown, 1000 * 11);
}

TEST(Pcr, MisprimedCopiesCarryThePrimerAndTheirOwnPayload) {
  const auto content = tube_of({"ACGTAC", "ACGTGA"});
  const auto product = amplify(content, {step_for("ACGTAC")}, {}, 1).product;
  bool rewritten = false;
  for (const auto& one : product.molecules)
    if (one.origin == 1 && one.bases.starts_with(forward + "ACGTAC")) {
      rewritten = true;
      EXPECT_EQ(one.bases.substr(26), content.molecules[1].bases.substr(26));
    }
  EXPECT_TRUE(rewritten);
  EXPECT_GT(copies_from(product, 0), 20 * copies_from(product, 1));
}

TEST(Pcr, FartherAddressesAreCopiedLess) {
  const auto product = amplify(tube_of({"ACGTAC", "CAGTAC", "ACGTCA"}), {step_for("ACGTAC")}, {}, 1).product;
  EXPECT_GT(copies_from(product, 0), copies_from(product, 1));
  EXPECT_GT(copies_from(product, 1), copies_from(product, 2)) << "mismatches at the primer's end";
}

TEST(Pcr, TwoStepsAreMorePreciseThanOne) {
  std::vector<std::string> addresses{"ACGTACGT"};
  std::mt19937_64 random{5};
  for (int i = 0; i < 400; ++i) addresses.push_back(random_bases(8, random));
  const auto content = tube_of(addresses);
  const auto share = [](const pcr_result& from) { return copies_from(from.product, 0) / from.product.copies(); };
  const auto one = share(amplify(content, {step_for("ACGTACGT", 25)}, {}, 1));
  auto inner = step_for("ACGTACGT");
  inner.carried = 1e-3;
  const auto two = share(amplify(content, {step_for("ACGT"), inner}, {}, 1));
  EXPECT_GT(one, 20.0 / 401);
  EXPECT_GT(two, one);
}

TEST(Pcr, SameSeedSameTube) {
  const auto content = tube_of({"ACGTAC", "ACGTGA"}, 20);
  const auto once = amplify(content, {step_for("ACGTAC")}, {}, 9).product,
             again = amplify(content, {step_for("ACGTAC")}, {}, 9).product;
  ASSERT_EQ(once.molecules.size(), again.molecules.size());
  for (std::size_t i = 0; i < once.molecules.size(); ++i)
    EXPECT_EQ(once.molecules[i].copies, again.molecules[i].copies);
}

TEST(Pcr, ImpossibleReactionsAreRefused) {
  const auto content = tube_of({"ACGTAC"});
  EXPECT_THROW(amplify(content, {}, {}, 1), std::invalid_argument);
  EXPECT_THROW(amplify(content, {pcr_step{.reverse = reverse}}, {}, 1), std::invalid_argument);
  EXPECT_THROW(amplify(content, {step_for("ACGN")}, {}, 1), std::invalid_argument);
  EXPECT_THROW(amplify(content, {step_for("ACGT", 0)}, {}, 1), std::invalid_argument);
}

TEST(Synthesis, CopyNumbersVaryAsCalibrationMeasuresThem) {
  std::mt19937_64 random{3};
  std::vector<std::string> strands;
  for (int i = 0; i < 5000; ++i) strands.push_back(random_bases(100, random));
  const auto content = synthesise(strands, {}, {.copy_number_variation = 0.48}, 7);
  calibrator counted{strands};
  sequence(content, 20'000, illumina_profile(), 0, 8, [&](const read& one) { counted.add(one.bases); });
  const auto& found = counted.result();
  EXPECT_NEAR(found.copy_number_variation(), 0.48, 0.04);
  EXPECT_NEAR(found.unseen_share(), 0.059, 0.01) << "at 4 reads a strand, as the LCRC pool";
}

TEST(Synthesis, ErrorsOfAFounderAreInAllItsReads) {
  std::mt19937_64 random{3};
  const std::vector<std::string> strands{random_bases(100, random)};
  synthesis_options options{.founders = 3, .errors = even_profile("bad", 0.03, 0.01, 0)};
  const auto content = synthesise(strands, {}, options, 9);
  ASSERT_GE(content.molecules.size(), 1U);
  ASSERT_LE(content.molecules.size(), 12U);
  std::set<std::string> kinds;
  sequence(content, 500, even_profile("perfect", 0, 0, 0), 0, 8,
           [&](const read& one) { kinds.insert(std::min(one.bases, reverse_complement(one.bases))); });
  EXPECT_LE(kinds.size(), content.molecules.size()) << "no more kinds of reads than founders, however many reads";
  EXPECT_GE(content.molecules.size() + (content.molecules[0].bases == strands[0]), 1U);
}

TEST(Synthesis, WhatDroppedOutIsMeasuredAndSimulatedAgain) {
  std::mt19937_64 random{3};
  std::vector<std::string> strands;
  for (int i = 0; i < 5000; ++i) strands.push_back(random_bases(60, random));
  const auto content = synthesise(strands, {}, {.copy_number_variation = 0.6, .dropout = 0.08}, 7);
  calibrator counted{strands};
  sequence(content, 75'000, illumina_profile(), 0, 8, [&](const read& one) { counted.add(one.bases); });
  EXPECT_NEAR(counted.result().dropout(), 0.08, 0.015);
  EXPECT_NEAR(counted.result().copy_number_variation(), 0.6, 0.05);
  const auto profile = to_profile(counted.result(), "measured");
  EXPECT_NEAR(as_measured(profile, 0).dropout, 0.08, 0.015);
  EXPECT_NEAR(as_measured(profile, 0).copy_number_variation, 0.6, 0.05);
}

TEST(Synthesis, AgeingBreaksStrandsAndMakesTOfC) {
  const auto content = tube_of({"ACGTAC"}, 1000);
  const auto old = damage(content, 0.05, 0.002, 1);
  double left = 0, changed = 0;
  for (const auto& one : old.molecules) {
    left += one.copies;
    if (one.bases == content.molecules[0].bases) continue;
    changed += one.copies;
    for (std::size_t i = 0; i < one.bases.size(); ++i) {
      const char before = content.molecules[0].bases[i];
      EXPECT_TRUE(one.bases[i] == before || (before == 'C' && one.bases[i] == 'T'));
    }
  }
  EXPECT_LT(left, 900) << "broken strands are not amplified";
  EXPECT_GT(changed, 0);
  EXPECT_EQ(damage(content, 0, 0, 1).copies(), content.copies());
}

TEST(Synthesis, StrandsRichInGAndCAreRarerWhereThePolymeraseIsBiased) {
  const std::vector<std::string> strands{std::string(50, 'G') + std::string(50, 'A'),
                                         std::string(80, 'G') + std::string(20, 'A')};
  const auto content = synthesise(strands, {}, {.copy_number_variation = 0, .pcr_bias = -0.2}, 1);
  EXPECT_NEAR(content.molecules[1].copies / content.molecules[0].copies, std::exp(-0.6), 1e-6);
}

TEST(Calibrator, AdaptersAreCutOffAndNotCounted) {
  std::mt19937_64 random{3};
  std::vector<std::string> strands;
  for (int i = 0; i < 50; ++i) strands.push_back(random_bases(150, random));
  calibrator counted{strands};
  for (const auto& strand : strands) {
    counted.add("TAAGAGACAG" + strand + "AGATCGGAAGAGC");
    counted.add(reverse_complement(strand) + "GGGGGGGGGGGGGGGG");
  }
  const auto& found = counted.result();
  EXPECT_EQ(found.unassigned, 0U);
  EXPECT_EQ(found.perfect, 100U);
  EXPECT_EQ(found.insertions, 0U);
  EXPECT_EQ(found.trimmed, 100U);
  EXPECT_EQ(found.adapter, "TruSeq adapter");
}

TEST(Synthesis, AgeTakesRareStrandsFirst) {
  const auto content = mix(tube_of({"AAAA", "CCCC"}, 1e4), tube_of({"GGGG"}, 4));
  const auto old = age(content, 4, 1);
  EXPECT_NEAR(copies_from(old, 0), 625, 150);
  EXPECT_LE(copies_from(old, 2), 3);
  EXPECT_EQ(old.origins.size(), 3U);
}

TEST(Sequencer, PlaysTheRatesItIsGivenAndCalibrationFindsThem) {
  std::mt19937_64 random{4};
  std::vector<std::string> strands;
  for (int i = 0; i < 200; ++i) strands.push_back(random_bases(150, random));
  auto profile = even_profile("made up", 0.01, 0.006, 0.002);
  profile.reversed = 0.3;
  profile.becomes[0] = {0, 0.8, 0.1, 0.1};
  profile.along = {0.1, 0.2, 0.3, 0.4};
  calibrator counted{strands};
  sequence(synthesise(strands, {}, {}, 1), 20'000, profile, 0, 2, [&](const read& one) {
    EXPECT_EQ(one.bases.size(), one.quality.size());
    counted.add(one.bases);
  });
  const auto& found = counted.result();
  EXPECT_NEAR(found.substitution_rate(), 0.010, 0.0007);
  EXPECT_NEAR(found.deletion_rate(), 0.006, 0.0005);
  EXPECT_NEAR(found.insertion_rate(), 0.002, 0.0003);
  EXPECT_NEAR(found.reversed_share(), 0.3, 0.02);
  const auto measured = to_profile(found, "measured");
  EXPECT_NEAR(measured.becomes[0][1], 0.8, 0.03);
  EXPECT_NEAR(measured.along[0] / measured.along[19], 0.25, 0.08);
}

TEST(Sequencer, SaysThatReadsAreSimulatedAndOfWhat) {
  sequence(tube_of({"ACGTAC"}), 1, illumina_profile(), 0, 1,
           [](const read& one) { EXPECT_EQ(one.name, "simulated.1.ACGTAC"); });
  EXPECT_THROW(sequence({}, 1, illumina_profile(), 0, 1, [](const read&) {}), std::invalid_argument);
}

class WetlabFiles : public testing::Test {
 protected:
  test::temporary_folder folder_;
};

TEST_F(WetlabFiles, TubeComesBackAndSaysThatItIsSimulated) {
  const auto content = amplify(tube_of({"ACGTAC", "ACGTGA"}), {step_for("ACGTAC")}, {}, 1).product;
  write_tube(content, folder_ / "tube.fa");
  std::string first;
  std::getline(std::ifstream{folder_ / "tube.fa"}, first);
  EXPECT_TRUE(first.ends_with("|simulated")) << first;
  const auto back = read_tube(folder_ / "tube.fa");
  ASSERT_EQ(back.molecules.size(), content.molecules.size());
  EXPECT_NEAR(back.copies(), content.copies(), content.copies() * 1e-5);
  EXPECT_EQ(back.origins, content.origins);
  EXPECT_EQ(back.molecules.back().bases, content.molecules.back().bases);
}

TEST_F(WetlabFiles, ProfileComesBack) {
  auto profile = bad_synthesis_profile();
  profile.along = {0.25, 0.75};
  write_error_profile(profile, folder_ / "profile.toml");
  const auto back = find_error_profile((folder_ / "profile.toml").string());
  EXPECT_EQ(back.name, profile.name);
  EXPECT_EQ(back.substitution, profile.substitution);
  EXPECT_EQ(back.becomes, profile.becomes);
  EXPECT_EQ(back.along, profile.along);
  EXPECT_EQ(back.copy_number_variation, profile.copy_number_variation);
}

TEST_F(WetlabFiles, ImpossibleNumbersAreNamedWithFileAndKey) {
  write_error_profile(illumina_profile(), folder_ / "profile.toml");
  std::ifstream in{folder_ / "profile.toml"};
  const std::string good{std::istreambuf_iterator<char>{in}, {}};
  for (const auto& [from, to] : {std::pair{"substitution = 0.0013", "substitution = 7"},
                                 {"substitution = 0.0013", "substitution = nan"},
                                 {"deleted = [0.25, 0.25", "deleted = [0.25, 0.5"}}) {
    auto bad = good;
    const auto at = bad.find(from);
    ASSERT_NE(at, bad.npos) << from << " in " << good;
    std::ofstream{folder_ / "bad.toml"} << bad.replace(at, std::string{from}.size(), to);
    try {
      read_error_profile(folder_ / "bad.toml");
      FAIL() << to;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string{error.what()}.find("bad.toml"), std::string::npos) << error.what();
      EXPECT_NE(std::string{error.what()}.find(std::string{to}.substr(0, 7)), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(find_error_profile("no such"), std::invalid_argument);
}

}  // namespace
}  // namespace chromatin::dna::wetlab
