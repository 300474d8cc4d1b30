#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "dna/reads/reads.hpp"

namespace chromatin::dna {

/// The strand between two mates: where they overlap, as one read (of each base the surer one; bases beyond the other's
/// beginning are adapter and fall away); where they do not, what each has of it, with N for what lies between, if the
/// strand is so long that something does. Named after the first.
read join_mates(const read& first, const read& second, std::uint32_t strand_nt);

/// Mates out of two files, in the same order. One thread at a time.
class pair_source {
 public:
  pair_source(const std::filesystem::path& first, const std::filesystem::path& second, std::uint32_t strand_nt);

  /// Throws reads_error where one file ends before the other, or names differ.
  bool next(read& into);

 private:
  std::string names_;
  read_source first_, second_;
  read one_, other_;
  std::uint32_t strand_nt_;
};

}  // namespace chromatin::dna
