// Reads in, blocks out: what decodes is what was stored, whatever the channel did.

#include <fstream>
#include <list>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <htslib/bgzf.h>

#include "dna/reads/pipeline.hpp"
#include "dna/geometry/sequence.hpp"
#include "dna/wetlab/sequencer.hpp"
#include "dna/wetlab/synthesis.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::dna {
namespace {

const primer_pair ours{"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"};
const primer_pair lcrc{"ATAATTGGCTCCTGCTTGCA", "TTGCACTTTCCGCCTACATT"};

class Pipeline : public testing::Test {
 protected:
  Pipeline() { RecordProperty("seed", std::to_string(seed_)); }

  std::vector<block> random_blocks(std::size_t count) {
    std::vector<block> made;
    std::set<block_id> used;
    while (made.size() < count) {
      block one{{static_cast<std::uint32_t>(random_() % 1024), static_cast<std::uint32_t>(random_() % 4)}};
      if (!used.insert(one.id).second) continue;
      one.content.resize(random_() % (layout_.geometry().block_bytes() + 1));
      for (auto& byte : one.content) byte = static_cast<std::uint8_t>(random_());
      made.push_back(std::move(one));
    }
    return made;
  }
  std::vector<std::string> strands_of(const std::vector<block>& blocks) const {
    std::vector<std::string> made;
    for (const auto& one : blocks)
      for (auto& strand : codec_.encode(one)) made.push_back(std::move(strand));
    return made;
  }
  std::vector<read> sequenced(const std::vector<std::string>& strands, const wetlab::error_profile& profile,
                              double coverage) {
    std::vector<read> reads;
    const auto tube =
        wetlab::synthesise(strands, {}, {.copy_number_variation = profile.copy_number_variation}, random_());
    wetlab::sequence(tube, static_cast<std::uint64_t>(coverage * static_cast<double>(strands.size())), profile, 0,
                     random_(), [&](const read& one) { reads.push_back(one); });
    return reads;
  }
  static void feed(pipeline& into, const std::vector<read>& reads) {
    std::size_t at = 0;
    into.add([&](read& one) {
      if (at == reads.size()) return false;
      one = reads[at++];
      return true;
    });
  }
  /// Decoded blocks, each of which must be one of those stored.
  std::size_t right_blocks(const std::vector<block_outcome>& outcomes, const std::vector<block>& stored) {
    std::size_t right = 0;
    for (const auto& one : outcomes) {
      EXPECT_NE(one.decoded.has_value(), !one.reason.empty());
      if (!one.decoded) continue;
      EXPECT_NE(std::find(stored.begin(), stored.end(), *one.decoded), stored.end())
          << "leaf " << one.id.leaf << " version " << one.id.version << " is not what was stored";
      ++right;
    }
    return right;
  }

  const std::uint64_t seed_ = std::random_device{}();
  const testing::ScopedTrace trace_{__FILE__, __LINE__, std::to_string(seed_)};
  std::mt19937_64 random_{seed_};
  strand_layout layout_{describe(built_in_profile("150nt"), ours)};
  block_codec codec_{layout_};
  test::temporary_folder folder_;
};

TEST_F(Pipeline, BlocksComeBackThroughEveryInstrument) {
  const auto blocks = random_blocks(30);
  // At a coverage of 3, one strand in twenty has no read: one run in fifty would lose a block.
  for (const auto& [profile, coverage] : {std::pair{wetlab::even_profile("perfect", 0, 0, 0), 6},
                                          {wetlab::illumina_profile(), 20},
                                          {wetlab::bad_synthesis_profile(), 30},
                                          {wetlab::nanopore_profile(), 60}}) {
    pipeline reading{{&codec_}, 2};
    feed(reading, sequenced(strands_of(blocks), profile, coverage));
    EXPECT_EQ(right_blocks(reading.decode(), blocks), blocks.size()) << profile.name;
  }
}

TEST_F(Pipeline, RandomChannelsNeverGiveAWrongByte) {
  for (int i = 0; i < 25; ++i) {
    const auto blocks = random_blocks(4);
    const auto rate = [&] { return static_cast<double>(random_() % 40) / 1000; };
    auto profile = wetlab::even_profile("random", rate(), rate(), rate());
    profile.copy_number_variation = static_cast<double>(random_() % 100) / 50;
    pipeline reading{{&codec_}, 1};
    feed(reading, sequenced(strands_of(blocks), profile, static_cast<double>(1 + random_() % 20)));
    for (const auto use : {erasure_use::full, erasure_use::none}) right_blocks(reading.decode(0, use), blocks);
  }
}

/// Full blocks: zeros behind a short one would be known.
class MisprimedCopies : public Pipeline {
 protected:
  std::vector<parsed_strand> molecules_of_a_full_block(block one) {
    one.content.resize(layout_.geometry().block_bytes());
    for (auto& byte : one.content) byte = static_cast<std::uint8_t>(random_());
    blocks_.push_back(one);
    strands_.push_back(strands_of({one}));
    std::vector<parsed_strand> all;
    for (std::string_view strand : strands_.back())
      all.push_back(layout_
                        .parse(strand.substr(layout_.head().size(),
                                             strand.size() - layout_.head().size() - layout_.tail().size()))
                        .value());
    return all;
  }
  void read(const strand_id& as, std::string_view payload, int count, double errors = 0) {
    for (int i = 0; i < count; ++i) {
      std::string bases{payload};
      for (auto& base : bases)
        if (std::bernoulli_distribution{errors}(random_)) base = "ACGT"[random_() % 4];
      reads_.add({as, bases});
    }
  }

  std::vector<block> blocks_;
  std::list<std::vector<std::string>> strands_;  // that parsed ones look into
  partition_reads reads_{codec_};
};

TEST_F(MisprimedCopies, DoNotMakeUpMoleculesThatAreNotInTheTubeHoweverManyThereAre) {
  const auto blocks = random_blocks(1);
  const auto other = molecules_of_a_full_block(blocks[0]), own = molecules_of_a_full_block(blocks[0]);
  const std::set<std::size_t> lost{3, 5, 6, 8};
  for (std::size_t m = 0; m < own.size(); ++m)
    lost.contains(m) ? read(own[m].id, other[m].payload, 12) : read(own[m].id, own[m].payload, 100, 0.1);
  EXPECT_EQ(right_blocks(reads_.decode(1), {blocks_[1]}), 1U);
}

TEST_F(MisprimedCopies, OfABlockThatDecodesAreSetAsideWhereTheyAreMoreThanABlocksOwn) {
  const auto blocks = random_blocks(2);
  const auto other = molecules_of_a_full_block(blocks[0]), own = molecules_of_a_full_block(blocks[1]);
  for (std::size_t m = 0; m < own.size(); ++m) {
    read(other[m].id, other[m].payload, 30);
    read(own[m].id, own[m].payload, 3);
    if (m < 9) read(own[m].id, other[m].payload, 12, 0.01);
  }
  EXPECT_EQ(right_blocks(reads_.decode(1), blocks_), 2U);
}

TEST_F(Pipeline, ThreadsChangeNothing) {
  const auto blocks = random_blocks(10);
  const auto reads = sequenced(strands_of(blocks), wetlab::nanopore_profile(), 12);
  pipeline one{{&codec_}, 1}, four{{&codec_}, 4};
  feed(one, reads);
  feed(four, reads);
  const auto a = one.decode(), b = four.decode();
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].decoded, b[i].decoded);
    EXPECT_EQ(a[i].foreign_reads, b[i].foreign_reads);
    EXPECT_EQ(a[i].reason, b[i].reason);
  }
}

TEST_F(Pipeline, BlockWithoutEnoughMoleculesIsNamedWithWhatItWouldTake) {
  auto blocks = random_blocks(1);
  blocks[0].content.assign(layout_.geometry().block_bytes(), 1);  // zeros behind a short one would be known
  auto strands = strands_of(blocks);
  strands.erase(strands.begin(), strands.begin() + 5);
  pipeline reading{{&codec_}, 1};
  feed(reading, sequenced(strands, wetlab::even_profile("perfect", 0, 0, 0), 10));
  const auto outcomes = reading.decode();
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_FALSE(outcomes[0].decoded);
  EXPECT_EQ(outcomes[0].molecules, 10U);
  for (const auto& part :
       {"leaf " + std::to_string(blocks[0].id.leaf), std::string{"1 more"}, std::string{"molecules 0 (0), 1 (0)"}})
    EXPECT_NE(outcomes[0].reason.find(part), std::string::npos) << outcomes[0].reason;
}

TEST_F(Pipeline, MisreadIndexesMakeTracesAndNoBlocks) {
  const auto blocks = random_blocks(3);
  pipeline reading{{&codec_}, 1};
  feed(reading, sequenced(strands_of(blocks), wetlab::bad_synthesis_profile(), 60));
  std::size_t decoded = 0;
  for (const auto& one : reading.decode()) {
    decoded += one.decoded.has_value();
    EXPECT_TRUE(one.decoded || one.trace) << one.reason;
  }
  EXPECT_EQ(decoded, blocks.size());
}

TEST_F(Pipeline, ReadsAreCountedByWhatBecameOfThem) {
  const auto strand = strands_of(random_blocks(1)).front();
  const std::string no_address = ours.forward + std::string(20, 'N') + reverse_complement(ours.reverse);
  std::vector<read> reads;
  for (const auto& bases : {strand, reverse_complement(strand), std::string{}, std::string(150, 'N'), no_address,
                            strand.substr(0, 25), lcrc.forward + strand.substr(20, 110) + "AATGTAGGCGGAAAGTGCAA"})
    reads.push_back({"same name", bases, ""});
  pipeline reading{{&codec_}, 1};
  feed(reading, reads);
  EXPECT_EQ(reading.counts().reads, 7U);
  EXPECT_EQ(reading.counts().sorted(), 2U);
  EXPECT_EQ(reading.counts().reversed, 1U);
  EXPECT_EQ(reading.counts().without_address, 2U);
  EXPECT_EQ(reading.counts().without_primers, 3U);
}

TEST_F(Pipeline, PartitionsAreToldApartByTheirPrimers) {
  const strand_layout other_layout{describe(built_in_profile("150nt"), lcrc)};
  const block_codec other{other_layout};
  auto blocks = random_blocks(5), others = random_blocks(5);
  auto strands = strands_of(blocks);
  for (const auto& one : others)
    for (auto& strand : other.encode(one)) strands.push_back(std::move(strand));
  pipeline reading{{&codec_, &other}, 2};
  feed(reading, sequenced(strands, wetlab::illumina_profile(), 20));
  EXPECT_EQ(right_blocks(reading.decode(0), blocks), 5U);
  EXPECT_EQ(right_blocks(reading.decode(1), others), 5U);
}

TEST_F(Pipeline, ReadsBeforeDamageAreKept) {
  const auto blocks = random_blocks(2);
  const auto reads = sequenced(strands_of(blocks), wetlab::illumina_profile(), 20);
  {
    auto* out = bgzf_open((folder_ / "reads.fastq.gz").c_str(), "w");
    for (const auto& one : reads) {
      const auto text = "@" + one.name + "\r\n" + one.bases + "\r\n+\r\n" + one.quality + "\r\n";
      ASSERT_EQ(bgzf_write(out, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    bgzf_close(out);
  }
  pipeline whole{{&codec_}, 1}, cut{{&codec_}, 1};
  whole.add(folder_ / "reads.fastq.gz");
  EXPECT_EQ(right_blocks(whole.decode(), blocks), 2U);
  std::filesystem::resize_file(folder_ / "reads.fastq.gz", file_size(folder_ / "reads.fastq.gz") * 2 / 3);
  EXPECT_THROW(cut.add(folder_ / "reads.fastq.gz"), reads_error);
  EXPECT_GT(cut.counts().reads, 0U);
  EXPECT_LT(cut.counts().reads, reads.size());
  right_blocks(cut.decode(), blocks);
}

TEST_F(Pipeline, NoPartitionOrThreadIsRefused) {
  EXPECT_THROW((pipeline{{}, 1}), std::invalid_argument);
  EXPECT_THROW((pipeline{{&codec_}, 0}), std::invalid_argument);
}

TEST(Demultiplexer, ReadsOfARealPoolGoToNoForeignPair) {
  const auto sample = std::filesystem::path{CHROMATIN_SOURCE_DIR} / "tests/data/dna/lcrc_reads.fastq.gz";
  const demultiplexer pairs{{ours, {"GTTACAGGCAATCGTCCTAG", "CGATTGACAGTCGGATATGC"}, lcrc}};
  read_source source{sample};
  std::size_t all = 0, right = 0, wrong = 0;
  for (read one; source.next(one); ++all)
    if (const auto found = pairs.locate(one.bases)) ++(found->partition == 2 ? right : wrong);
  EXPECT_EQ(wrong, 0U);
  EXPECT_GE(static_cast<double>(right), 0.995 * static_cast<double>(all));
}

TEST_F(Pipeline, DoubtfulBasesAreOutvotedWhereverTheStrandStandsInTheRead) {
  // Of every molecule one read is right and two have the same error at the same place, which they are not sure of: by
  // number of votes one codeword would be wrong throughout.
  const auto blocks = random_blocks(1);
  const auto at = ours.forward.size() + layout_.geometry().index_nt() + 31;
  const auto turned = [](read one) {
    one.bases = reverse_complement(one.bases);
    std::reverse(one.quality.begin(), one.quality.end());
    return one;
  };
  const auto with_flanks = [](read one) {
    one.bases = "CTGTCTCTTATACACATCT" + one.bases + "GGGGG";
    one.quality = std::string(19, 'I') + one.quality + std::string(5, 'I');
    return one;
  };
  const auto chained = [&](const read& one) {
    const auto other = turned(one);
    return read{one.name, one.bases + other.bases, one.quality + other.quality};
  };
  for (const char doubt : {'I', '%'})
    for (int how = 0; how < 4; ++how) {
      std::vector<read> reads;
      for (const auto& strand : strands_of(blocks))
        for (const bool wrong : {false, true, true}) {
          read one{"r", strand, std::string(strand.size(), 'I')};
          if (wrong) one.bases[at] = strand[at] == 'A' ? 'C' : 'A', one.quality[at] = doubt;
          reads.push_back(how == 0 ? one : how == 1 ? turned(one) : how == 2 ? turned(with_flanks(one)) : chained(one));
        }
      pipeline reading{{&codec_}, 1};
      feed(reading, reads);
      EXPECT_EQ(right_blocks(reading.decode(), blocks), doubt == 'I' ? 0U : 1U) << how;
    }
}

}  // namespace
}  // namespace chromatin::dna
