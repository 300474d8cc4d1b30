// The reading side against reads of instruments: primers, direction, error rates, coverage.

#include <cstdlib>
#include <random>

#include <gtest/gtest.h>

#include "dna/reads/align.hpp"
#include "dna/wetlab/calibrate.hpp"
#include "dna/reads/reads.hpp"
#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

const std::filesystem::path sample = std::filesystem::path{CHROMATIN_SOURCE_DIR} / "tests/data/dna";
const primer_locator lcrc_primers{"ATAATTGGCTCCTGCTTGCA", "AATGTAGGCGGAAAGTGCAA"};

/// Real files that are too large, or not free to be copied here.
std::filesystem::path shared() {
  const auto* named = std::getenv("CHROMATIN_SHARED");
  const auto root = named ? std::filesystem::path{named} : std::filesystem::path{CHROMATIN_SOURCE_DIR} / "../shared";
  return root / "data/dna";
}

calibration calibrate(const std::filesystem::path& oligos, const std::filesystem::path& reads) {
  std::vector<std::string> references;
  read_source source{oligos};
  for (read one; source.next(one);) references.push_back(one.bases);
  calibrator counted{std::move(references)};
  read_source instrument{reads};
  for (read one; instrument.next(one);) counted.add(one.bases);
  return counted.result();
}

double located_share(const std::filesystem::path& reads) {
  read_source source{reads};
  double located = 0, all = 0;
  for (read one; source.next(one); ++all) located += lcrc_primers.locate(one.bases).has_value();
  return located / all;
}

TEST(RealReads, PrimersAreFoundInBothDirections) { EXPECT_GE(located_share(sample / "lcrc_reads.fastq.gz"), 0.995); }

TEST(RealReads, SampleHasBothDirectionsAndFewErrors) {
  const auto found = calibrate(sample / "lcrc_oligos.fasta.gz", sample / "lcrc_reads.fastq.gz");
  EXPECT_EQ(found.reads, 1500U);
  EXPECT_LE(found.unassigned, 6U);
  EXPECT_NEAR(found.reversed_share(), 0.49, 0.05);
  EXPECT_NEAR(found.perfect_share(), 0.76, 0.04);
  EXPECT_NEAR(found.substitution_rate(), 0.0013, 0.0005);
}

TEST(RealReads, WholeLcrcPoolHasThePublishedRates) {
  if (!exists(shared() / "lcrc_reads.fastq.gz")) GTEST_SKIP() << "no " << shared() << "; name it in CHROMATIN_SHARED";
  EXPECT_GE(located_share(shared() / "lcrc_reads.fastq.gz"), 0.995);
  const auto found = calibrate(shared() / "lcrc_oligos.fasta.gz", shared() / "lcrc_reads.fastq.gz");
  EXPECT_NEAR(found.substitution_rate(), 0.0013, 0.0001);
  EXPECT_NEAR(found.deletion_rate(), 0.0014, 0.0001);
  EXPECT_NEAR(found.insertion_rate(), 0.0001, 0.0001);
  EXPECT_NEAR(found.reversed_share(), 0.49, 0.01);
  EXPECT_NEAR(found.perfect_share(), 0.76, 0.01);
  // 24,000 reads are 2.04 a strand: 18.8 % unseen. At 4 the fitted copy numbers leave about 6 %.
  EXPECT_NEAR(found.unseen_share_at(found.mean_coverage()), found.unseen_share(), 0.01);
  EXPECT_NEAR(found.unseen_share_at(4), 0.059, 0.01);
}

TEST(RealReads, GoodAndBadSynthesisDiffer) {
  if (!exists(shared() / "dt4dds_oligos.fasta.gz"))
    GTEST_SKIP() << "no " << shared() << "; name it in CHROMATIN_SHARED";
  const auto good = calibrate(shared() / "dt4dds_oligos.fasta.gz", shared() / "dt4dds_good_reads.txt.gz");
  EXPECT_NEAR(good.substitution_rate(), 0.0008, 0.0001);
  EXPECT_NEAR(good.deletion_rate(), 0.0003, 0.0001);
  EXPECT_NEAR(good.insertion_rate(), 0.00004, 0.0001);
  const auto bad = calibrate(shared() / "dt4dds_oligos.fasta.gz", shared() / "dt4dds_bad_reads.txt.gz");
  EXPECT_NEAR(bad.substitution_rate(), 0.0106, 0.0003);
  EXPECT_NEAR(bad.deletion_rate(), 0.0049, 0.0001);
  EXPECT_NEAR(bad.insertion_rate(), 0.0010, 0.0001);
}

/// A read with errors at the given rates, in a random direction.
std::string damaged(const std::string& strand, double substitution, double deletion, double insertion,
                    std::mt19937_64& random) {
  std::uniform_real_distribution<double> chance;
  std::string made;
  for (const char base : strand) {
    if (chance(random) < insertion) made += "ACGT"[random() % 4];
    if (chance(random) < deletion) continue;
    made += chance(random) < substitution ? "ACGT"[(base_index(base) + 1 + random() % 3) % 4] : base;
  }
  return random() % 2 ? reverse_complement(made) : made;
}

TEST(RealReads, ReadsGoToTheStrandTheyCameFrom) {
  std::vector<std::string> strands;
  read_source source{sample / "lcrc_oligos.fasta.gz"};
  for (read one; source.next(one);) strands.push_back(one.bases);
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random{seed};
  calibrator counted{strands};
  int wrong = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto from = random() % strands.size();
    const auto to = counted.add(damaged(strands[from], 0.0106, 0.0049, 0.0010, random));
    wrong += to && *to != from;
  }
  EXPECT_LE(wrong, 1);
  EXPECT_NEAR(counted.result().substitution_rate(), 0.0106, 0.0006);
  EXPECT_NEAR(counted.result().deletion_rate(), 0.0049, 0.0004);
  EXPECT_NEAR(counted.result().insertion_rate(), 0.0010, 0.0002);
}

TEST(Primers, ReadIsTurnedAndTrimmed) {
  const std::string payload = "ACGTTGCAACCGGTTAACGTAGCTAGGATC";
  const auto strand = "ATAATTGGCTCCTGCTTGCA" + payload + "AATGTAGGCGGAAAGTGCAA";
  for (const auto& one : {strand, "GGA" + strand + "CT", strand.substr(3), strand.substr(0, strand.size() - 3)}) {
    const auto forward = lcrc_primers.locate(one), backward = lcrc_primers.locate(reverse_complement(one));
    ASSERT_TRUE(forward && backward) << one;
    EXPECT_EQ(forward->bases, payload);
    EXPECT_EQ(backward->bases, payload);
    EXPECT_FALSE(forward->reversed);
    EXPECT_TRUE(backward->reversed);
    EXPECT_TRUE(forward->whole);
  }
}

TEST(Primers, OneLostPrimerIsSaid) {
  const auto found = lcrc_primers.locate("ATAATTGGCTCCTGCTTGCAACGTTGCAACCGGTTAACGTAGCTAGGATCCGCGCG");
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->whole);
  EXPECT_EQ(found->bases, "ACGTTGCAACCGGTTAACGTAGCTAGGATCCGCGCG");
}

TEST(Primers, ForeignShortAndUnreadableReadsAreNobodys) {
  for (const std::string one : {"", "A", "NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN",
                                "GATCGATTTACGGGCATCTACGAGCGGAGTCTACGGGACTTTAGCGATCG"})
    EXPECT_FALSE(lcrc_primers.locate(one)) << one;
}

}  // namespace
}  // namespace chromatin::dna
