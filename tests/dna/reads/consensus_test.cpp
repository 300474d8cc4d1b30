// Reads of one molecule: what they agree on, however damaged, and what does not belong to them.

#include <random>

#include <gtest/gtest.h>

#include "dna/reads/consensus.hpp"
#include "dna/wetlab/sequencer.hpp"

namespace chromatin::dna {
namespace {

class Consensus : public testing::Test {
 protected:
  Consensus() { RecordProperty("seed", std::to_string(seed_)); }
  std::string random_payload() {
    std::string made;
    for (int i = 0; i < 96; ++i) made += "ACGT"[random_() % 4];
    return made;
  }
  std::string damaged(const std::string& payload, const wetlab::error_profile& profile) {
    std::string bases, quality;
    wetlab::channel{profile, random_()}.pass(payload, bases, quality);
    return bases;
  }

  const std::uint64_t seed_ = std::random_device{}();
  const testing::ScopedTrace trace_{__FILE__, __LINE__, std::to_string(seed_)};
  std::mt19937_64 random_{seed_};
};

TEST_F(Consensus, NoReadSaysNothing) {
  EXPECT_EQ(molecule_reads{}.call(96).bases, "");
  molecule_reads reads;
  reads.add("");
  EXPECT_TRUE(reads.empty());
}

TEST_F(Consensus, EqualReadsAreTakenAsTheyAre) {
  const auto payload = random_payload();
  molecule_reads reads;
  for (int i = 0; i < 1000; ++i) reads.add(payload);
  const auto found = reads.call(96);
  EXPECT_EQ(found.bases, payload);
  EXPECT_EQ(found.reads, 1000U);
  EXPECT_GT(found.confidence[50], 0.99F);
}

TEST_F(Consensus, ManyDamagedReadsAgreeAllTheSame) {
  int wrong = 0;
  for (int i = 0; i < 100; ++i) {
    const auto payload = random_payload();
    molecule_reads reads;
    for (int k = 0; k < 25; ++k) reads.add(damaged(payload, wetlab::nanopore_profile()));
    wrong += reads.call(96).bases != payload;
  }
  EXPECT_LE(wrong, 2);
}

TEST_F(Consensus, ReadsOfOtherMoleculesAreSetAside) {
  const auto payload = random_payload();
  molecule_reads reads;
  for (int i = 0; i < 12; ++i) reads.add(random_payload());
  for (int i = 0; i < 8; ++i) reads.add(damaged(payload, wetlab::bad_synthesis_profile()));
  const auto found = reads.call(96);
  EXPECT_EQ(found.bases, payload);
  EXPECT_EQ(found.reads, 8U);
  EXPECT_EQ(found.foreign_reads, 12U);
}

TEST_F(Consensus, DisagreementLowersConfidenceWhereItIs) {
  const auto payload = random_payload();
  auto other = payload;
  other[40] = other[40] == 'A' ? 'C' : 'A';
  molecule_reads reads;
  reads.add(payload);
  reads.add(other);
  const auto found = reads.call(96);
  EXPECT_LT(found.confidence[40], 0.4F);
  EXPECT_GT(found.confidence[39], 0.6F);
}

TEST_F(Consensus, LostAndAddedBasesAreMadeGood) {
  const auto payload = random_payload();
  molecule_reads reads;
  for (const std::size_t at : {10U, 30U, 50U, 70U}) {
    reads.add(payload.substr(0, at) + payload.substr(at + 1));
    reads.add(payload.substr(0, at + 5) + "G" + payload.substr(at + 5));
  }
  EXPECT_EQ(reads.call(96).bases, payload);
}

TEST_F(Consensus, OrderOfReadsDoesNotMatterBelowTheBound) {
  const auto payload = random_payload();
  std::vector<std::string> all;
  for (int i = 0; i < 9; ++i) all.push_back(damaged(payload, wetlab::nanopore_profile()));
  molecule_reads forwards, backwards;
  for (std::size_t i = 0; i < all.size(); ++i) {
    forwards.add(all[i]);
    backwards.add(all[all.size() - 1 - i]);
  }
  EXPECT_EQ(forwards.call(96).bases, backwards.call(96).bases);
}

TEST_F(Consensus, AnyLengthAndUnreadableBasesAreTaken) {
  molecule_reads reads;
  reads.add("N");
  EXPECT_EQ(reads.call(96).bases.size(), 96U);
  reads.add(std::string(100'000, 'A'));
  EXPECT_EQ(reads.call(96).bases.size(), 96U);
  EXPECT_EQ(reads.call(96).confidence.size(), 96U);
}

TEST_F(Consensus, MoreKindsThanAreKeptDoNotLoseTheMajority) {
  const auto payload = random_payload();
  molecule_reads reads;
  reads.add(payload);
  for (std::size_t i = 0; i < 2 * molecule_reads::kinds_max; ++i) {
    reads.add(damaged(payload, wetlab::nanopore_profile()));
    reads.add(payload);
  }
  EXPECT_EQ(reads.call(96).bases, payload);
}

TEST_F(Consensus, ASureBaseOutvotesDoubtfulOnes) {
  const auto payload = random_payload();
  auto other = payload;
  other[40] = payload[40] == 'A' ? 'C' : 'A';
  auto quality = std::string(96, 'I');
  const auto without = [&](char of_40) {
    quality[40] = of_40;
    molecule_reads reads;
    reads.add(payload);
    reads.add(other, quality);
    reads.add(other, quality);
    return reads.call(96).bases;
  };
  EXPECT_EQ(without('I'), other) << "two against one";
  EXPECT_EQ(without('%'), payload) << "two that are hardly sure (Phred 4) against one that is";
}

TEST_F(Consensus, DoubtLowersConfidenceWhereItIs) {
  const auto payload = random_payload();
  auto quality = std::string(96, 'I');
  quality[10] = '#';
  molecule_reads reads;
  auto damaged = payload;
  damaged[90] = damaged[90] == 'A' ? 'C' : 'A';
  reads.add(payload, quality);
  reads.add(damaged, quality);
  const auto found = reads.call(96);
  EXPECT_LT(found.confidence[10], 0.45F);
  EXPECT_GT(found.confidence[11], 0.6F);
}

}  // namespace
}  // namespace chromatin::dna
