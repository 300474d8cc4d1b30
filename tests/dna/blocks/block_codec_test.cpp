// What is decoded is what was stored, or nothing.

#include <random>

#include <gtest/gtest.h>

#include "dna/blocks/block_codec.hpp"
#include "dna/geometry/sequence.hpp"
#include "tests/dna/geometry/primers.hpp"

namespace chromatin::dna {
namespace {

class BlockCodec : public testing::TestWithParam<std::string> {
 protected:
  BlockCodec() { RecordProperty("seed", std::to_string(seed_)); }
  block random_block(std::size_t size) {
    block one{{static_cast<std::uint32_t>(random_() % layout_.geometry().leaves()),
               static_cast<std::uint32_t>(random_() % layout_.geometry().versions())},
              block_kind::data,
              {}};
    for (std::size_t i = 0; i < size; ++i) one.content.push_back(static_cast<std::uint8_t>(random_()));
    return one;
  }
  /// Reads every strand back as it was ordered.
  std::vector<molecule_symbols> read(const std::vector<std::string>& strands) {
    std::vector<molecule_symbols> molecules(layout_.geometry().molecules());
    for (const auto& strand : strands) {
      const auto parsed = layout_.parse(std::string_view{strand}.substr(20, strand.size() - 40));
      EXPECT_TRUE(parsed) << strand;
      if (parsed) molecules[parsed->id.molecule] = symbols_of(parsed->payload, layout_.geometry().symbols());
    }
    return molecules;
  }

  const std::uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
  strand_layout layout_{describe(built_in_profile(GetParam()), test_primers)};
  block_codec codec_{layout_};
};

TEST_P(BlockCodec, EverySizeComesBackThroughItsStrands) {
  SCOPED_TRACE(seed_);
  const auto full = layout_.geometry().block_bytes();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{full - 1}, std::size_t{full}}) {
    const auto one = random_block(size);
    const auto found = codec_.decode(one.id, read(codec_.encode(one)));
    ASSERT_TRUE(found.decoded) << found.reason;
    EXPECT_EQ(*found.decoded, one);
    EXPECT_EQ(found.symbols_corrected, 0U);
  }
}

TEST_P(BlockCodec, StrandsKeepWithinTheLimitsAllZerosToo) {
  SCOPED_TRACE(seed_);
  for (int i = 0; i < 300; ++i) {
    auto one = random_block(layout_.geometry().block_bytes());
    if (i % 2 == 0) std::fill(one.content.begin(), one.content.end(), std::uint8_t{0});
    for (const auto& strand : codec_.encode(one)) {
      EXPECT_EQ(strand.size(), layout_.geometry().strand_nt());
      EXPECT_LE(longest_run(strand), layout_.geometry().homopolymer_max) << strand;
      const auto gc = gc_share(strand.substr(20 + layout_.geometry().index_nt(), layout_.geometry().payload_nt));
      EXPECT_GE(gc, layout_.geometry().gc_min - 1e-9) << strand;
      EXPECT_LE(gc, layout_.geometry().gc_max + 1e-9) << strand;
    }
  }
}

TEST_P(BlockCodec, AsManyMoleculesAsThereIsParityMayBeMissing) {
  SCOPED_TRACE(seed_);
  const auto one = random_block(100);
  auto molecules = read(codec_.encode(one));
  for (const std::size_t lost : {0, 3, 7, 14}) molecules[lost].clear();
  auto found = codec_.decode(one.id, molecules);
  ASSERT_TRUE(found.decoded) << found.reason;
  EXPECT_EQ(*found.decoded, one);
  molecules[1].clear();
  found = codec_.decode(one.id, molecules);
  EXPECT_FALSE(found.decoded);
  EXPECT_NE(found.reason.find("5 of 15 molecules were not read, 4 can be made up for: 1 more"), std::string::npos)
      << found.reason;
}

TEST_P(BlockCodec, AnyDamageGivesTheBlockOrNothing) {
  SCOPED_TRACE(seed_);
  std::uint32_t decoded = 0;
  for (int i = 0; i < 300; ++i) {
    const auto one = random_block(random_() % layout_.geometry().block_bytes());
    auto molecules = read(codec_.encode(one));
    for (auto missing = random_() % 6; missing > 0; --missing) molecules[random_() % molecules.size()].clear();
    const auto rate = random_() % 12;
    for (auto& molecule : molecules)
      for (auto& symbol : molecule)
        if (random_() % 100 < rate) symbol = random_() % 3 == 0 ? erased : static_cast<std::uint8_t>(random_() % 16);
    const auto found = codec_.decode(one.id, molecules);
    EXPECT_EQ(found.decoded.has_value(), found.reason.empty());
    if (found.decoded) {
      EXPECT_EQ(*found.decoded, one);
      ++decoded;
    }
  }
  EXPECT_GT(decoded, 20U);
  EXPECT_LT(decoded, 300U);
}

TEST_P(BlockCodec, MoleculesThatAreWrongThroughoutAreLeftOut) {
  SCOPED_TRACE(seed_);
  const auto one = random_block(200);
  for (int i = 0; i < 20; ++i) {
    auto molecules = read(codec_.encode(one));
    molecules[random_() % 7].clear();
    // Two shifted by a base after some place, as by a deletion: more than the parity that is left can correct.
    for (const auto shifted : {7 + random_() % 4, 11 + random_() % 4})
      for (auto& symbol : std::span{molecules[shifted]}.subspan(random_() % 8))
        symbol = static_cast<std::uint8_t>(random_() % 16);
    const auto found = codec_.decode(one.id, molecules);
    ASSERT_TRUE(found.decoded) << found.reason;
    EXPECT_EQ(*found.decoded, one);
  }
}

TEST_P(BlockCodec, ABlockOfAnotherLeafOrPartitionIsNoBlock) {
  const auto one = random_block(100);
  const auto molecules = read(codec_.encode(one));
  const block_id elsewhere{(one.id.leaf + 1) % layout_.geometry().leaves(), one.id.version};
  EXPECT_FALSE(codec_.decode(elsewhere, molecules).decoded);
  const strand_layout other{describe(built_in_profile(GetParam()), test_primers, 1234)};
  EXPECT_FALSE(block_codec{other}.decode(one.id, molecules).decoded);
}

TEST_P(BlockCodec, ManyBlocksOnManyThreadsAreTheSameStrands) {
  std::vector<block> blocks;
  for (int i = 0; i < 20; ++i) blocks.push_back(random_block(50));
  std::string expected;
  for (const auto& one : blocks)
    for (const auto& strand : codec_.encode(one)) expected += strand;
  EXPECT_EQ(encode_all(codec_, blocks, 1), expected);
  EXPECT_EQ(encode_all(codec_, blocks, 4), expected);
  blocks[13].content.resize(layout_.geometry().block_bytes() + 1);
  EXPECT_THROW(encode_all(codec_, blocks, 4), std::invalid_argument);
}

TEST_P(BlockCodec, WhatDoesNotFitIsRefused) {
  EXPECT_THROW(codec_.encode(random_block(layout_.geometry().block_bytes() + 1)), std::invalid_argument);
  EXPECT_THROW(codec_.encode({{layout_.geometry().leaves(), 0}, block_kind::data, {}}), std::invalid_argument);
  EXPECT_THROW(codec_.encode({{0, layout_.geometry().versions()}, block_kind::data, {}}), std::invalid_argument);
}

TEST(ShortenedCode, MoleculesMayBeMissingToo) {
  profile geometry;
  geometry.data_molecules = 7;
  geometry.parity_molecules = 3;
  const strand_layout layout{describe(geometry, test_primers)};
  const block_codec codec{layout};
  const block one{{5, 0}, block_kind::data, byte_string(100, 42)};
  std::vector<molecule_symbols> molecules(10);
  for (const auto& strand : codec.encode(one)) {
    const auto parsed = layout.parse(std::string_view{strand}.substr(20, strand.size() - 40));
    molecules[parsed->id.molecule] = symbols_of(parsed->payload, geometry.symbols());
  }
  for (const std::size_t lost : {0U, 6U, 9U}) molecules[lost].clear();
  const auto found = codec.decode(one.id, molecules);
  ASSERT_TRUE(found.decoded) << found.reason;
  EXPECT_EQ(*found.decoded, one);
}

TEST(Strand, TubesOfTodayStayReadable) {
  // A change that alters these loses every strand ever ordered.
  const strand_layout layout{describe(profile{}, test_primers)};
  const block_codec codec{layout};
  const std::string text = "chromatin";
  const auto strands = codec.encode(block{{17, 2}, block_kind::data, {text.begin(), text.end()}});
  EXPECT_EQ(strands[0],
            "AACCGTGTTGCAGTCTGATCAATAGCGAGCCAACACGTACTGAACAGGTCTTGTTGGTTCCGTACGGATTAATAA"
            "ACCTAACTCATTCGATATCTAGCAGTATAGCTCGGAAAGAGACGCTTCTGGCGTTTGACGTCAACGGTATCCTGA");
  EXPECT_EQ(strands[14],
            "AACCGTGTTGCAGTCTGATCAATAGCGAGCCATTGCTCAGGATCGTTCTCTAACGTTAGAACCCAACGTGAATCA"
            "CTTTTAAGGGCTCGAACGGGATTCATAATACATTGGCGGCGCGAAGCTATTAGCATGACGTCAACGGTATCCTGA");
}

INSTANTIATE_TEST_SUITE_P(Profiles, BlockCodec, testing::Values("150nt", "200nt"));

}  // namespace
}  // namespace chromatin::dna
