#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "dna/reads/reads.hpp"

namespace chromatin::dna {

/// Writes reads as FASTQ, compressed (BGZF, which is gzip to every other program) where the name ends in ".gz". One
/// thread at a time. Throws reads_error where the file cannot be written.
class read_sink {
 public:
  explicit read_sink(const std::filesystem::path& file);
  ~read_sink();
  read_sink(const read_sink&) = delete;
  read_sink& operator=(const read_sink&) = delete;

  /// Reads without quality get '?' (Phred 30).
  void put(const read& one);
  /// Everything is in the file when this returns; otherwise what went wrong is lost with the object.
  void close();

 private:
  struct stream;
  std::filesystem::path file_;
  std::unique_ptr<stream> stream_;
  std::string line_;
};

}  // namespace chromatin::dna
