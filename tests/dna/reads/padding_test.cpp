// A short content has zeros behind it: that is known, and makes up for molecules that were not read.

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "dna/blocks/block_codec.hpp"
#include "dna/reads/partition_reads.hpp"
#include "tests/dna/geometry/primers.hpp"
#include "tests/dna/partition/seeded.hpp"

namespace chromatin::dna {
namespace {

class Padding : public seeded_test {
 protected:
  /// What `copies` reads of each of these molecules give.
  std::optional<block> decoded(const block& stored, const std::vector<std::uint32_t>& molecules, int copies = 3,
                               const std::vector<std::uint32_t>& foreign = {}) {
    const auto& g = layout_.geometry();
    std::vector<std::uint8_t> payloads(std::size_t{g.molecules()} * g.payload_bytes());
    codec_.encode(stored, payloads);
    partition_reads reads{codec_};
    for (const auto m : molecules) {
      std::string bases;
      for (std::uint32_t i = 0; i < g.payload_nt; ++i)
        bases += std::ranges::count(foreign, m) > 0
                     ? "ACGT"[below(4)]
                     : "ACGT"[payloads[m * g.payload_bytes() + i / 4] >> (6 - 2 * (i % 4)) & 3];
      for (int copy = 0; copy < copies; ++copy)
        reads.add({.id = {stored.id.leaf, stored.id.version, m}, .payload = bases, .quality = {}});
    }
    return reads.decode(1).at(0).decoded;
  }
  block with(std::size_t size) { return {{7, 1}, block_kind::patch, random_bytes(size)}; }

  strand_layout layout_{describe(profile{}, test_primers)};
  block_codec codec_{layout_};
};

TEST_F(Padding, AFewBytesOfWhichThreeMoleculesOfFifteenWereRead) {
  const auto patch = with(9);
  EXPECT_EQ(decoded(patch, {5, 8, 13}), patch);
  EXPECT_EQ(decoded(patch, {0, 3, 4}), patch);
}

TEST_F(Padding, AFewBytesWithOneReadOfEachMolecule) {
  const auto patch = with(9);
  EXPECT_EQ(decoded(patch, {4, 9, 11, 12, 14}, 1), patch);
}

TEST_F(Padding, HalfABlockOfWhichSixMoleculesWereNotRead) {
  const auto half = with(100);  // molecules 0 to 4
  EXPECT_EQ(decoded(half, {1, 2, 4, 9, 10, 11, 12, 13, 14}), half);
}

TEST_F(Padding, AFullBlockHasNothingToMakeUpForFiveMolecules) {
  EXPECT_FALSE(decoded(with(layout_.geometry().block_bytes()), {1, 2, 4, 6, 7, 9, 10, 11, 12, 13}));
}

TEST_F(Padding, WhatIsGivenIsWhatWasStoredWhateverWasReadWrong) {
  int given = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const auto stored = with(below(120));
    std::vector<std::uint32_t> molecules(layout_.geometry().molecules());
    std::iota(molecules.begin(), molecules.end(), 0U);
    std::shuffle(molecules.begin(), molecules.end(), random_);
    molecules.resize(4 + below(8));
    const std::vector<std::uint32_t> foreign(molecules.begin(), molecules.begin() + below(3));
    const auto made = decoded(stored, molecules, 3, foreign);
    given += made.has_value();
    if (made) {
      EXPECT_EQ(*made, stored);
    }
  }
  EXPECT_GT(given, 60);
}

}  // namespace
}  // namespace chromatin::dna
