// Real files and files as they come: other line ends, cut off, empty, with N, in every container.

#include <fstream>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <htslib/sam.h>

#include "dna/reads/reads.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::dna {
namespace {

const std::filesystem::path lcrc_reads =
    std::filesystem::path{CHROMATIN_SOURCE_DIR} / "tests/data/dna/lcrc_reads.fastq.gz";

std::vector<read> all(const std::filesystem::path& file) {
  read_source source{file};
  std::vector<read> found;
  for (read one; source.next(one);) found.push_back(one);
  return found;
}

class Reads : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& content) {
    std::ofstream{folder_ / name, std::ios::binary} << content;
    return folder_ / name;
  }
  test::temporary_folder folder_;
};

TEST_F(Reads, GzippedFastqOfAnInstrumentIsReadWhole) {
  const auto reads = all(lcrc_reads);
  ASSERT_EQ(reads.size(), 1500U);
  EXPECT_EQ(reads[0].name, "LH00281:389:22MWM3LT4:5:1101:6058:1294");
  EXPECT_EQ(reads[0].bases.substr(0, 20), "ATAATTGGCTCCTGCTTGCA");
  EXPECT_EQ(reads[0].quality.substr(34, 4), "II-I");
  for (const auto& one : reads) EXPECT_EQ(one.bases.size(), one.quality.size());
}

TEST_F(Reads, LinesEndEitherWayAndLettersAreRaised) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    const auto fastq = all(write("a", "@x" + end + "acgtN" + end + "+" + end + "IIII#" + end));
    ASSERT_EQ(fastq.size(), 1U);
    EXPECT_EQ(fastq[0].bases, "ACGTN");
    EXPECT_EQ(fastq[0].quality, "IIII#");
    const auto fasta = all(write("b", ">x" + end + "acg" + end + "tt" + end + ">x" + end + "G" + end));
    ASSERT_EQ(fasta.size(), 2U) << "names need not be unique";
    EXPECT_EQ(fasta[0].bases, "ACGTT");
    EXPECT_EQ(fasta[0].quality, "");
    const auto text = all(write("c", "acgt" + end + end + "NNA" + end));
    ASSERT_EQ(text.size(), 2U);
    EXPECT_EQ(text[0].bases, "ACGT");
    EXPECT_EQ(text[1].bases, "NNA");
  }
}

TEST_F(Reads, WhatOtherProgramsAddIsNoneOfTheSequence) {
  const auto marked = all(write("a", "\xef\xbb\xbf>x\nAC-GU*\n>y\nuu\n"));
  ASSERT_EQ(marked.size(), 2U);
  EXPECT_EQ(marked[0].bases, "ACGT") << "a byte order mark, a gap, the end of a sequence; RNA";
  EXPECT_EQ(marked[1].bases, "TT");
  const auto fastq = all(write("b", "\xef\xbb\xbf@x\nACGT\n+\nIIII\n"));
  ASSERT_EQ(fastq.size(), 1U);
  EXPECT_EQ(fastq[0].quality, "IIII");
}

/// Unaligned, as a basecaller writes them.
void write_alignments(const std::filesystem::path& file, const char* mode, int count) {
  std::unique_ptr<samFile, int (*)(htsFile*)> out{sam_open(file.c_str(), mode), hts_close};
  std::unique_ptr<sam_hdr_t, void (*)(sam_hdr_t*)> header{sam_hdr_init(), sam_hdr_destroy};
  std::unique_ptr<bam1_t, void (*)(bam1_t*)> record{bam_init1(), bam_destroy1};
  ASSERT_EQ(sam_hdr_write(out.get(), header.get()), 0);
  const char phred[] = {30, 31, 32, 2};
  for (int i = 0; i < count; ++i) {
    const auto name = "r" + std::to_string(i);
    ASSERT_GE(bam_set1(record.get(), name.size(), name.c_str(), BAM_FUNMAP, -1, -1, 0, 0, nullptr, -1, -1, 0, 4, "GATN",
                       phred, 0),
              0);
    ASSERT_GE(sam_write1(out.get(), header.get(), record.get()), 0);
  }
}

TEST_F(Reads, SamBamAndCramGiveWhatWentIn) {
  for (const auto* mode : {"w", "wb", "wc"}) {
    const auto file = folder_ / "reads";
    write_alignments(file, mode, 20'000);
    const auto reads = all(file);
    ASSERT_EQ(reads.size(), 20'000U) << mode;
    EXPECT_EQ(reads[19'999].name, "r19999");
    EXPECT_EQ(reads[19'999].bases, "GATN");
    EXPECT_EQ(reads[19'999].quality, "?@A#");
  }
}

TEST_F(Reads, CramAndBamThatAreCutOffGiveWhatIsThere) {
  for (const auto* mode : {"wb", "wc"}) {
    const auto file = folder_ / "cut";
    write_alignments(file, mode, 60'000);
    std::filesystem::resize_file(file, std::filesystem::file_size(file) * 3 / 4);
    read_source source{file};
    std::size_t count = 0;
    try {
      for (read one; source.next(one);) ++count;
      FAIL() << mode;
    } catch (const reads_error& error) {
      EXPECT_NE(std::string{error.what()}.find("cut"), std::string::npos) << error.what();
    }
    EXPECT_GT(count, 1000U) << mode;
    EXPECT_LT(count, 60'000U) << mode;
  }
}

TEST_F(Reads, TruncatedGzipIsAnErrorAndNotAnEnd) {
  std::ifstream in{lcrc_reads, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  const auto file = write("cut.fastq.gz", bytes.substr(0, bytes.size() / 2));
  EXPECT_THROW(all(file), reads_error);
}

TEST_F(Reads, HalfARecordIsAnError) { EXPECT_THROW(all(write("h", "@x\nACGT\n+\nII")), reads_error); }

TEST_F(Reads, MissingEmptyAndForeignFilesAreNamed) {
  for (const auto& file : {folder_ / "missing", write("empty", ""), write("foreign", "12 monkeys\n")}) try {
      all(file);
      FAIL() << file;
    } catch (const reads_error& error) {
      EXPECT_NE(std::string{error.what()}.find(file.string()), std::string::npos) << error.what();
    }
}

TEST_F(Reads, FilesThatOthersHaveToUnpackAreToldByTheirPacking) {
  const std::pair<const char*, std::string> packed[] = {{"bzip2", "BZh91AY&SY"},
                                                        {"xz", std::string{"\xfd"
                                                                           "7zXZ\0\0\x04",
                                                                           8}},
                                                        {"zstd", "\x28\xb5\x2f\xfd\x04"},
                                                        {"zip", "PK\x03\x04"}};
  for (const auto& [by, first] : packed) try {
      all(write(by, first + std::string(100, 'x')));
      FAIL() << by;
    } catch (const reads_error& error) {
      EXPECT_NE(std::string{error.what()}.find(fmt::format("packed by {}", by)), std::string::npos) << error.what();
    }
}

TEST_F(Reads, AFileWithoutLinesEndsBeforeTheMemoryDoes) {
  const auto file = write("endless", "x");
  std::filesystem::resize_file(file, std::uintmax_t{1} << 40);  // sparse
  EXPECT_THROW(all(file), reads_error);
}

}  // namespace
}  // namespace chromatin::dna
