#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dna/blocks/block_codec.hpp"
#include "dna/reads/demultiplex.hpp"
#include "dna/reads/partition_reads.hpp"
#include "dna/reads/reads.hpp"

namespace chromatin::dna {

/// Where the reads of a pipeline went.
struct read_counts {
  std::uint64_t reads = 0;
  std::uint64_t without_primers = 0;    ///< neither direction has a known pair's primers
  std::uint64_t without_address = 0;    ///< an index too damaged to tell, or cut off
  std::uint64_t reversed = 0;           ///< of those that have primers
  std::uint64_t flanked = 0;            ///< with more than a few bases outside the primers, which were cut off
  std::uint64_t flank_nt = 0;           ///< of those, in all
  std::uint64_t further = 0;            ///< strands besides the first, of reads that are chains of several
  std::uint64_t cut_short = 0;          ///< reads that do not reach the other primer
  std::string adapter;                  ///< seen in reads that have bases outside the primers, or no primers
  std::string first_without;            ///< name of the first read without primers
  std::uint64_t tried_trimmed = 0;      ///< reads without primers that were looked at as if these had been cut off
  std::uint64_t fit_trimmed = 0;        ///< of those, that have an index then
  std::vector<std::uint64_t> assigned;  ///< by partition: sorted into one of its molecules

  std::uint64_t sorted() const;
};

/// How reads come.
struct read_handling {
  /// Primers were cut off by another program: reads begin and end inside them, or have a part of them left.
  bool trimmed = false;
};

/// Reads in, blocks out: turns and trims reads by their primers, tells the partition, reads the index, and has the
/// reads of each molecule vote (partition_reads). Streams: memory follows the molecules of the partitions. One thread
/// calls; `threads` work.
class pipeline {
 public:
  /// Keeps references to the codecs. Throws std::invalid_argument for none, or no thread.
  pipeline(std::vector<const block_codec*> partitions, unsigned threads, read_handling how = {});

  /// Everything `next` gives (it fills a read, or says false at the end). `progress` gets the reads so far, now and
  /// then. Errors of `next` come through; reads before them are kept.
  void add(const std::function<bool(read&)>& next, const std::function<void(std::uint64_t)>& progress = {});
  /// A file of reads. Throws reads_error.
  void add(const std::filesystem::path& file, const std::function<void(std::uint64_t)>& progress = {});
  /// Two files of mates, each pair from the two ends of one strand: merged where they overlap, otherwise each gives its
  /// part (pair_source).
  void add_pairs(const std::filesystem::path& first, const std::filesystem::path& second,
                 const std::function<void(std::uint64_t)>& progress = {});

  const read_counts& counts() const { return counts_; }

  std::vector<block_outcome> decode(std::size_t partition = 0, erasure_use erasures = erasure_use::full,
                                    const std::function<void(std::size_t, std::size_t)>& progress = {}) const;

  /// Counts the reads of blocks that were not decoded and are no copies of those that were: what else is in the tube.
  void explain(std::size_t partition, std::vector<block_outcome>& outcomes) const;

 private:
  struct sorted_read;
  void sort(const std::vector<read>& reads, std::size_t count, std::vector<sorted_read>& into) const;
  void sort_one(const read& one, sorted_read& into) const;
  sorted_read try_trimmed(std::string_view turned, bool reversed, std::size_t partition, std::size_t before) const;
  void sort_trimmed(const read& one, sorted_read& into) const;
  void parse(sorted_read& one) const;
  void keep(const std::vector<sorted_read>& sorted, std::size_t count);
  void remark(const read& one, const sorted_read& sorted);

  std::vector<const block_codec*> partitions_;
  demultiplexer primers_;
  std::vector<partition_reads> molecules_;
  unsigned threads_;
  read_handling how_;
  read_counts counts_;
};

}  // namespace chromatin::dna
