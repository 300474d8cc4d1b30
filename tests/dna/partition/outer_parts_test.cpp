// Blocks that were read in part complete each other by the code across them.

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "dna/blocks/block_codec.hpp"
#include "dna/partition/partition.hpp"
#include "dna/reads/pipeline.hpp"
#include "tests/dna/geometry/primers.hpp"
#include "tests/dna/partition/seeded.hpp"

namespace chromatin::dna {
namespace {

/// A file of twenty blocks with two of parity.
class OuterParts : public seeded_test {
 protected:
  static partition_description with_parity() {
    profile geometry;
    geometry.outer = 0.1;
    return describe(geometry, test_primers);
  }
  OuterParts() : content_{random_bytes(20 * layout_.geometry().block_bytes())}, written_{layout_.partition()} {
    const std::vector<new_file> file{{"f", content_}};
    written_.put(file);
    const auto stored = written_.find("f");
    for (const auto& part : stored->blocks) of_file_.push_back({part.leaf, part.base});
  }

  /// What error-free reads tell of a block, but for some molecules.
  partial_block part_of(const block_id& id, const std::vector<std::uint32_t>& unread) {
    const auto& g = layout_.geometry();
    std::vector<std::uint8_t> payloads(std::size_t{g.molecules()} * g.payload_bytes());
    codec_.encode(written_.blocks().at(id), payloads);
    partial_block made{id, std::vector<molecule_symbols>(g.molecules())};
    for (std::uint32_t m = 0; m < g.molecules(); ++m)
      for (std::uint32_t c = 0; c < g.symbols() && std::ranges::count(unread, m) == 0; ++c)
        made.molecules[m].push_back(payloads[m * g.payload_bytes() + c / 2] >> (c % 2 == 0 ? 4 : 0) & 15);
    return made;
  }
  std::vector<block> all_but(const std::vector<block_id>& lost) {
    std::vector<block> blocks;
    for (const auto& [id, one] : written_.blocks())
      if (std::ranges::count(lost, id) == 0) blocks.push_back(one);
    return blocks;
  }

  strand_layout layout_{with_parity()};
  block_codec codec_{layout_};
  byte_string content_;
  partition written_;
  std::vector<block_id> of_file_;
};

TEST_F(OuterParts, TwiceAsManyAsThereIsParityForAreReadWithFiveMoleculesMissingInEach) {
  const std::vector<block_id> poor(of_file_.begin(), of_file_.begin() + 4);
  pipeline reading{{&codec_}, 1};
  std::vector<read> reads;
  for (const auto& [id, one] : written_.blocks()) {
    const auto strands = codec_.encode(one);
    const auto place = static_cast<std::size_t>(std::ranges::find(poor, id) - poor.begin());
    for (std::size_t m = 0; m < strands.size(); ++m)
      if (place == poor.size() || m < 1 + 2 * place || m > 5 + 2 * place)
        reads.insert(reads.end(), 3, {.name = {}, .bases = strands[m], .quality = {}});
  }
  auto at = reads.begin();
  reading.add([&](read& into) { return at != reads.end() && (into = *at++, true); });
  const auto [whole, parts] = blocks_of(reading.decode());
  ASSERT_EQ(whole.size(), written_.blocks().size() - poor.size());
  ASSERT_EQ(parts.size(), poor.size());
  EXPECT_FALSE(partition(layout_.partition(), whole).get("f").content) << "two can be lost whole, not four";
  EXPECT_EQ(partition(layout_.partition(), whole, parts).get("f").content, content_);
}

TEST_F(OuterParts, WhatAPartHasWrongIsNeverBelieved) {
  std::size_t restored = 0;
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<block_id> lost;
    std::sample(of_file_.begin(), of_file_.end(), std::back_inserter(lost), 3 + below(3), random_);
    std::vector<partial_block> parts;
    for (const auto& id : lost) {
      std::vector<std::uint32_t> unread;
      while (unread.size() < 5) unread.push_back(static_cast<std::uint32_t>(below(15)));
      parts.push_back(part_of(id, unread));
      if (auto& row = parts.back().molecules[below(15)]; below(2) == 0 && !row.empty()) {
        for (auto& symbol : row) symbol = static_cast<std::uint8_t>(below(16));
      }
    }
    const partition read{layout_.partition(), all_but(lost), parts};
    for (const auto& [id, one] : read.blocks()) EXPECT_EQ(one, written_.blocks().at(id)) << text_of(id);
    restored += read.restored().size();
  }
  EXPECT_GT(restored, 50U);
}

TEST_F(OuterParts, ThreeOfWhichTwoLackTheNumberOfTheirScrambleWithParityForTwo) {
  const std::vector<block_id> lost(of_file_.begin(), of_file_.begin() + 3);
  const std::vector<partial_block> parts{part_of(lost[0], {0, 1, 2, 3, 4}), part_of(lost[1], {0, 1, 2, 3, 4}),
                                         part_of(lost[2], {5, 6, 7, 8, 9})};
  EXPECT_EQ(partition(layout_.partition(), all_but(lost), parts).get("f").content, content_);
}

TEST_F(OuterParts, FourOfWhichEachLacksFiveMoleculesInOneHalfAndFourInTheOther) {
  const std::vector<block_id> lost(of_file_.begin(), of_file_.begin() + 4);
  std::vector<partial_block> parts;
  for (std::size_t i = 0; i < lost.size(); ++i) {
    parts.push_back(part_of(lost[i], {2, 3, 4}));
    // Parity for two tells nothing of 1 to 5 before two of the four have completed a half by themselves.
    const std::uint32_t read_in_half = i % 2 == 0 ? 5 : 1;
    const auto half = layout_.geometry().symbols() / 2;
    for (const std::uint32_t m : {1U, 5U})
      for (std::uint32_t c = 0; c < 2 * half; ++c)
        if ((c < half) == (i < 2) || m != read_in_half) parts.back().molecules[m][c] = erased;
  }
  EXPECT_EQ(partition(layout_.partition(), all_but(lost), parts).get("f").content, content_);
}

TEST_F(OuterParts, TheNumberOfAScrambleIsFoundWhereHalfOfWhatIsToldIsRightAndNotByChance) {
  for (int trial = 0; trial < 200; ++trial) {
    const auto whole = codec_.reveal(part_of(of_file_[0], {}));
    auto told = whole;
    std::vector<std::size_t> places(told.known.size() - 2);
    std::iota(places.begin(), places.end(), 2);
    std::shuffle(places.begin(), places.end(), random_);
    places.resize(16);
    told.known.assign(told.known.size(), false);
    for (const auto at : places) told.known[at] = true;
    for (std::size_t i = 0; i < 8; ++i) told.bytes[places[i]] ^= static_cast<std::uint8_t>(1 + below(255));
    const auto part = part_of(of_file_[0], {});
    EXPECT_EQ(codec_.find_number(part, told), whole.number);
    for (std::size_t i = 8; i < 16; ++i) told.bytes[places[i]] ^= static_cast<std::uint8_t>(1 + below(255));
    EXPECT_FALSE(codec_.find_number(part, told));
    for (std::size_t i = 8; i < 16; ++i) told.known[places[i]] = false;
    told.bytes = whole.bytes;
    told.known[places[0]] = false;
    EXPECT_FALSE(codec_.find_number(part, told)) << "seven are too few";
  }
}

TEST_F(OuterParts, WithoutItsMoleculeOfTheScramblesNumberAPartTellsNothing) {
  const auto told = codec_.reveal(part_of(of_file_[0], {0}));
  EXPECT_EQ(std::ranges::count(told.known, true), 0);
  const auto more = codec_.reveal(part_of(of_file_[0], {1}));
  EXPECT_EQ(std::ranges::count(more.known, true), 10 * layout_.geometry().payload_bytes());
}

}  // namespace
}  // namespace chromatin::dna
