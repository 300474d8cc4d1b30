// Strands in reads as instruments give them: between adapters, in chains, in halves, without their primers.

#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "dna/geometry/sequence.hpp"
#include "dna/reads/pairs.hpp"
#include "dna/reads/pipeline.hpp"
#include "dna/wetlab/sequencer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::dna {
namespace {

class Flanks : public testing::Test {
 protected:
  Flanks() {
    for (std::uint32_t leaf = 0; leaf < 10; ++leaf) {
      block one{{leaf, 0}, block_kind::data, {}};
      for (int i = 0; i < 256; ++i) one.content.push_back(static_cast<std::uint8_t>(random_()));
      for (auto& strand : codec_.encode(one)) strands_.push_back(std::move(strand));
    }
  }
  std::string bases(std::size_t count) {
    std::string made;
    while (made.size() < count) made += "ACGT"[random_() % 4];
    return made;
  }
  std::string either(const std::string& strand) { return random_() % 2 == 0 ? strand : reverse_complement(strand); }
  /// What became of these reads.
  read_counts counts_of(const std::vector<std::string>& reads, read_handling how = {}) {
    pipeline reading{{&codec_}, 2, how};
    std::size_t at = 0;
    reading.add([&](read& one) {
      if (at == reads.size()) return false;
      one = {"r", reads[at++], ""};
      return true;
    });
    blocks_ = 0;
    for (const auto& one : reading.decode()) blocks_ += one.decoded.has_value();
    return reading.counts();
  }

  const std::uint64_t seed_ = std::random_device{}();
  const testing::ScopedTrace trace_{__FILE__, __LINE__, std::to_string(seed_)};
  std::mt19937_64 random_{seed_};
  strand_layout layout_{describe(profile{}, {"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"})};
  block_codec codec_{layout_};
  std::vector<std::string> strands_;
  std::size_t blocks_ = 0;
};

TEST_F(Flanks, AdaptersOfAnyLengthStandOutside) {
  for (const std::size_t before : {0, 3, 15, 19, 20, 21, 22, 25, 33, 40, 60, 120, 400})
    for (const std::size_t after : {0, 18, 22, 34, 75, 300}) {
      std::vector<std::string> reads;
      for (const auto& strand : strands_) reads.push_back(either(bases(before) + strand + bases(after)));
      // Among so many random bases some look like a strand.
      const auto chance = static_cast<double>((before + after) * reads.size()) / 20'000;
      EXPECT_NEAR(static_cast<double>(counts_of(reads).sorted()), static_cast<double>(reads.size()), 3 + chance)
          << before << " " << after;
      EXPECT_EQ(blocks_, 10U);
    }
}

TEST_F(Flanks, NanoporeLikeReadsWithFlanksArePlaced) {
  wetlab::channel instrument{wetlab::nanopore_profile(), random_()};
  std::vector<std::string> reads;
  std::string read, quality;
  for (int i = 0; i < 10; ++i)
    for (const auto& strand : strands_) {
      instrument.pass(bases(20 + random_() % 100) + strand + bases(random_() % 100), read, quality);
      reads.push_back(either(read));
    }
  const auto counts = counts_of(reads);
  EXPECT_GE(static_cast<double>(counts.reads - counts.without_primers), 0.99 * static_cast<double>(reads.size()));
  EXPECT_GE(blocks_, 7U) << "ten reads a strand are few for such an instrument";
}

TEST_F(Flanks, EveryStrandOfAChainCounts) {
  std::vector<std::string> reads;
  for (std::size_t i = 0; i + 2 < strands_.size(); i += 3)
    reads.push_back(either(strands_[i]) + bases(random_() % 30) + either(strands_[i + 1]) + bases(random_() % 30) +
                    either(strands_[i + 2]));
  const auto counts = counts_of(reads);
  EXPECT_EQ(counts.sorted(), strands_.size());
  EXPECT_EQ(counts.further, 100U);
  EXPECT_EQ(blocks_, 10U);
}

TEST_F(Flanks, ReadsWithoutPrimersGoByTheirIndex) {
  std::vector<std::string> reads;
  for (const auto& strand : strands_) reads.push_back(either(strand.substr(20, 110)));
  // A strand may read as well from its other end: then its direction cannot be told.
  EXPECT_GE(counts_of(reads, {.trimmed = true}).sorted() + 2, reads.size());
  EXPECT_EQ(blocks_, 10U);
  const auto plain = counts_of(reads);
  EXPECT_EQ(plain.without_primers, reads.size());
  EXPECT_GT(plain.fit_trimmed, 100U) << "and it is said that they look like that";
}

TEST_F(Flanks, WhatIsLeftOfPrimersThatWereCutOffIsNoPayload) {
  for (const std::size_t before : {1, 2, 5, 12, 20})
    for (const std::size_t behind : {0, 1, 4, 11, 20}) {
      std::vector<std::string> reads;
      for (const auto& strand : strands_) reads.push_back(either(strand.substr(20 - before, before + 110 + behind)));
      EXPECT_GE(counts_of(reads, {.trimmed = true}).sorted() + 4, reads.size()) << before << " " << behind;
      EXPECT_EQ(blocks_, 10U) << before << " " << behind;
    }
}

TEST_F(Flanks, ReadsThatEndInsideAPrimerHaveAWholePayload) {
  for (const std::size_t length : {132, 135, 140, 145, 149}) {
    std::vector<std::string> reads;
    for (const auto& strand : strands_) {
      reads.push_back(strand.substr(0, length));
      reads.push_back(reverse_complement(strand).substr(0, length));
    }
    EXPECT_GE(counts_of(reads).sorted(), reads.size() * 9 / 10) << length;
    EXPECT_EQ(blocks_, 10U) << length;
  }
}

TEST_F(Flanks, MatesAreJoinedWhereTheyOverlapAndGiveTheirPartsWhereNot) {
  for (const std::size_t length : {60U, 74U, 80U, 100U, 150U, 200U}) {
    std::vector<std::string> reads;
    for (const auto& strand : strands_) {
      const auto all = strand + "AGATCGGAAGAGCACACGTCTGAACTCCAGTCACAGATCGGAAGAGCACACGTC",
                 other = reverse_complement(strand) + "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGTAGATCTCGGTGGTCGCCGTATC";
      auto one = read{"m/1", all.substr(0, length), ""}, two = read{"m/2", other.substr(0, length), ""};
      if (random_() % 2 == 0) std::swap(one.bases, two.bases);
      reads.push_back(join_mates(one, two, 150).bases);
      EXPECT_EQ(reads.back().size(), 150U) << length;
    }
    EXPECT_EQ(counts_of(reads).sorted(), reads.size()) << length;
    EXPECT_EQ(blocks_, length < 75 ? 0U : 10U)
        << length << ": less than half from either end leaves a gap in every one";
  }
}

TEST(Mates, ThatDoNotBelongTogetherAreRefused) {
  test::temporary_folder folder;
  const auto write = [&](const char* name, const std::string& content) {
    std::ofstream{folder / name} << content;
    return folder / name;
  };
  const auto first = write("1.fa", ">a/1\nACGT\n>b/1\nACGT\n");
  const auto reason = [&](const std::string& second) -> std::string {
    try {
      pair_source source{first, write("2.fa", second), 150};
      for (read one; source.next(one);) continue;
    } catch (const reads_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(reason(">a/2\nACGT\n>b/2\nACGT\n"), "");
  EXPECT_NE(reason(">b/2\nACGT\n>a/2\nACGT\n").find("\"a/1\" stands beside \"b/2\""), std::string::npos);
  EXPECT_NE(reason(">a/2\nACGT\n").find("more reads than the other"), std::string::npos);
}

}  // namespace
}  // namespace chromatin::dna
