// PCR on a partition: what is asked for is what most of the tube is afterwards, and its reads decode.

#include <algorithm>
#include <fstream>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "dna/reads/pipeline.hpp"
#include "dna/reads/read_sink.hpp"
#include "dna/partition/store.hpp"
#include "dna/wetlab/retrieval.hpp"
#include "dna/wetlab/sampled_pcr.hpp"
#include "dna/wetlab/sequencer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::dna::wetlab {
namespace {

class Retrieval : public testing::Test {
 protected:
  Retrieval() {
    for (std::uint32_t leaf = 0; leaf < 200; ++leaf) {
      block one{{leaf, 0}, block_kind::data, {}};
      for (int i = 0; i < 256; ++i) one.content.push_back(static_cast<std::uint8_t>(random_()));
      blocks_.push_back(one);
      for (auto& strand : codec_.encode(one)) strands_.push_back(std::move(strand));
    }
    tube_ = synthesise_partition(layout_, strands_, {}, random_());
  }
  tube amplified(const std::vector<subtree>& targets, protocol how) {
    return amplify(tube_, plan(layout_, targets, how), {}, random_()).product;
  }

  const std::uint64_t seed_ = std::random_device{}();
  const testing::ScopedTrace trace_{__FILE__, __LINE__, std::to_string(seed_)};
  std::mt19937_64 random_{seed_};
  strand_layout layout_{describe(built_in_profile("150nt"), {"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"})};
  block_codec codec_{layout_};
  std::vector<block> blocks_;
  std::vector<std::string> strands_;
  tube tube_;
};

TEST_F(Retrieval, OneBlockComesOutOfThePartitionAndDecodes) {
  const std::vector<subtree> target{{123, 5}};
  const auto product = amplified(target, protocol::precise);
  const auto before = compose(tube_, layout_, target), after = compose(product, layout_, target);
  EXPECT_LT(before.on_target_share(), 0.02);
  EXPECT_GT(after.on_target_share(), 0.6);
  std::size_t at = 0;
  std::vector<read> reads;
  sequence(product, 400, illumina_profile(), 0, random_(), [&](const read& one) { reads.push_back(one); });
  pipeline reading{{&codec_}, 1};
  reading.add([&](read& one) {
    if (at == reads.size()) return false;
    one = reads[at++];
    return true;
  });
  std::size_t found = 0;
  for (const auto& one : reading.decode()) {
    if (!one.decoded) continue;
    ++found;
    EXPECT_EQ(*one.decoded, blocks_[one.id.leaf]) << "misprimed copies carry the address, and are outvoted";
  }
  EXPECT_GE(found, 1U);
}

TEST_F(Retrieval, EachKindOfMoleculeIsThereOnce) {
  const auto product = amplified({{123, 5}, {77, 5}, {64, 3}}, protocol::two_step);
  std::set<std::pair<std::uint32_t, std::string_view>> kinds;
  for (const auto& one : product.molecules) kinds.emplace(one.origin, one.bases);
  EXPECT_GT(kinds.size(), 2000U);
  EXPECT_EQ(kinds.size(), product.molecules.size());
}

TEST_F(Retrieval, EveryProtocolIsBetterThanNoneAndTheDefaultIsTheBest) {
  const std::vector<subtree> target{{77, 5}};
  const auto share = [&](protocol how) { return compose(amplified(target, how), layout_, target).on_target_share(); };
  const auto plain = share(protocol::plain), precise = share(protocol::precise);
  EXPECT_GT(plain, 10 * compose(tube_, layout_, target).on_target_share());
  for (const auto how : {protocol::touch_down, protocol::two_step, protocol::hot_start}) EXPECT_GT(share(how), plain);
  for (const auto how : {protocol::touch_down, protocol::two_step, protocol::hot_start}) EXPECT_GT(precise, share(how));
}

TEST_F(Retrieval, OffTargetMoleculesAreCountedByDistance) {
  const std::vector<subtree> target{{64, 3}};
  const auto found = compose(tube_, layout_, target);
  EXPECT_EQ(found.by_distance[0].strands, 16U * 15);
  EXPECT_EQ(found.by_distance[1].strands, 48U * 15);
  EXPECT_EQ(found.by_distance[2].strands, 136U * 15);
  EXPECT_EQ(found.by_distance[3].strands, 0U);
  EXPECT_EQ(found.by_distance[1].rewritten, 0);
  EXPECT_GT(compose(amplified(target, protocol::plain), layout_, target).by_distance[1].rewritten, 0);
}

TEST_F(Retrieval, SiblingsAreBroughtByTheirParentsPrimer) {
  const auto steps = plan(layout_, layout_.addresses().cover({101, 10}), protocol::plain);
  ASSERT_EQ(steps.size(), 1U);
  std::vector<std::string> expected;
  for (const std::uint32_t first : {100U, 104U, 108U}) expected.push_back(layout_.elongated_primer({first, 4}));
  std::vector<std::string> found;
  for (const auto& one : steps[0].forward) found.push_back(one.bases);
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(found, expected);
}

TEST_F(Retrieval, AllOfARangeIsAmplifiedAlike) {
  for (const auto pots : {pooling::apart, pooling::one_pot}) {
    const auto targets = layout_.addresses().cover({101, 10});
    const auto product = retrieve(tube_, layout_, targets, protocol::precise, pots, {}, random_()).product;
    EXPECT_GT(compose(product, layout_, targets).on_target_share(), pots == pooling::apart ? 0.7 : 0.5);
    std::vector<double> copies(10);
    for (const auto& one : product.molecules) {
      const auto id = parse_strand_name(product.origins[one.origin]);
      if (id && id->leaf >= 101 && id->leaf < 111) copies[id->leaf - 101] += one.copies;
    }
    EXPECT_LT(*std::max_element(copies.begin(), copies.end()), 2.5 * *std::min_element(copies.begin(), copies.end()));
  }
}

TEST_F(Retrieval, PrimersThatMeltApartCopyAlike) {
  std::vector<subtree> leaves;
  for (std::uint32_t leaf = 0; leaf < 200; ++leaf) leaves.push_back({leaf, 5});
  const auto melting = [&](const subtree& one) { return melting_c(layout_.elongated_primer(one)); };
  const auto [coolest, warmest] = std::ranges::minmax(leaves, {}, melting);
  ASSERT_GT(melting(warmest) - melting(coolest), 3) << "they have to melt apart, or this shows nothing";
  const auto even = synthesise_partition(layout_, strands_, {.copy_number_variation = 0}, random_());
  const auto steps = plan(layout_, {coolest, warmest}, protocol::precise);
  const auto product = amplify(even, steps, {}, {.far_strands_max = 256, .far_primers_max = 2}, random_()).product;
  double cool = 0, warm = 0;
  for (const auto& one : product.molecules) {
    const auto id = parse_strand_name(product.origins[one.origin]);
    if (id && id->leaf == coolest.first) cool += one.copies;
    if (id && id->leaf == warmest.first) warm += one.copies;
  }
  EXPECT_LT(std::max(cool, warm), 1.3 * std::min(cool, warm));
}

TEST_F(Retrieval, WrongNamesAndNothingAreRefused) {
  EXPECT_THROW(protocol_of("magic"), std::invalid_argument);
  EXPECT_EQ(name_of(protocol_of("two-step")), "two-step");
  EXPECT_THROW(plan(layout_, {}, protocol::plain), std::invalid_argument);
  EXPECT_THROW(synthesise_partition(layout_, {"ACGT"}, {}, 1), std::invalid_argument);
  EXPECT_EQ(parse_strand_name(strand_name({17, 2, 3})), (strand_id{17, 2, 3}));
  for (const auto* wrong : {"", "17", "17.2", "17.2.", "17.2.x", "a.2.3", "17.2.3.4"})
    EXPECT_FALSE(parse_strand_name(wrong)) << wrong;
}

TEST(ReadSink, WhatIsWrittenIsRead) {
  test::temporary_folder folder;
  for (const auto* name : {"reads.fastq", "reads.fastq.gz"}) {
    {
      read_sink out{folder / name};
      out.put({"one", "ACGTN", "IIII#"});
      out.put({"two", "GG", ""});
      out.close();
    }
    read_source in{folder / name};
    read one;
    ASSERT_TRUE(in.next(one));
    EXPECT_EQ(one.name, "one");
    EXPECT_EQ(one.bases, "ACGTN");
    EXPECT_EQ(one.quality, "IIII#");
    ASSERT_TRUE(in.next(one));
    EXPECT_EQ(one.quality, "??");
    EXPECT_FALSE(in.next(one));
    char first = 0;
    std::ifstream{folder / name}.get(first);
    EXPECT_EQ(first, std::string{name}.ends_with(".gz") ? '\x1f' : '@');
  }
  EXPECT_THROW(read_sink{folder / "missing/reads.fastq"}, reads_error);
}

}  // namespace
}  // namespace chromatin::dna::wetlab
