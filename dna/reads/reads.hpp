#pragma once

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace chromatin::dna {

/// A file of reads that cannot be opened, is damaged, or holds something else. Names the file and, where known, the
/// read.
struct reads_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One sequence as the instrument or the synthesis order wrote it.
struct read {
  std::string name;     ///< empty for one-sequence-a-line files
  std::string bases;    ///< upper case A, C, G, T (U is read as T), N (other IUPAC codes are kept)
  std::string quality;  ///< Phred + 33, as long as bases, or empty where the file has none
};

/// Reads in file order, one at a time: memory does not grow with the file. FASTA, FASTQ (records of several lines too),
/// SAM, BAM, CRAM, or text with one sequence a line; plain, gzip or BGZF; LF, CRLF or CR; "-" is the standard input.
/// The kind is told from the content, not from the name. Names may have any length and need not be unique, lengths may
/// differ. Secondary and supplementary alignments are left out. One thread at a time.
class read_source {
 public:
  /// Throws reads_error where the file is missing or empty.
  explicit read_source(const std::filesystem::path& file);
  ~read_source();
  read_source(read_source&&) noexcept;
  read_source& operator=(read_source&&) noexcept;

  /// Fills `into` and says true, or says false at the end. Throws reads_error on damage (truncated gzip, half a
  /// record) once everything before it was given out; it names the file and the last read that was whole.
  bool next(read& into);

  struct implementation;

 private:
  std::unique_ptr<implementation> implementation_;
};

}  // namespace chromatin::dna
