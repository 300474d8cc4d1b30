#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "dna/block_codec.hpp"
#include "dna/partition.hpp"
#include "dna/strand.hpp"

namespace chromatin::dna {

/// A store folder that is none, is damaged, or clashes with another. One line, with the file and the way out.
struct store_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A partition in a folder (docs/formats.md):
///   partition.toml   profile and primers
///   oligos.fa        every strand ever written, in order: the only copy of the data, as a tube would be
///   orders.toml      how many of them were ordered when
/// Opening decodes oligos.fa. A commit replaces files whole, so that a crash leaves the one before or the one after.
/// One writer at a time (flock).
class store {
 public:
  /// Throws store_error where the folder exists and is not empty, or a neighbouring store has one of the primers.
  static store create(const std::filesystem::path& folder, partition_description description);
  static store open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const;
  const strand_layout& layout() const;
  const block_codec& codec() const;
  partition& contents();
  const partition& contents() const;

  /// All strands, in the order in which they were written, molecules() of a block in a row.
  const std::vector<std::string>& strands() const;
};

}  // namespace chromatin::dna
