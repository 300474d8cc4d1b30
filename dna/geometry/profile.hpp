#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dna/geometry/index_shape.hpp"

namespace chromatin::dna {

/// A profile or partition description with a value that cannot be. Names the value, where it stands, and what may be.
struct profile_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What things cost: assumptions to compare by, which `cost` shows beside what follows from them. Dollars.
struct price_list {
  double synthesis_per_nt = 0.0004;
  double per_million_reads = 8;
  double per_pcr = 2;                  ///< primers elongated for it, reagents, handling by a robot
  double disk_per_gib_month = 0.01;    ///< with redundancy, power and replacement
  double strand_store_per_year = 0.0;  ///< of a partition's tube, dry at room temperature

  bool operator==(const price_list&) const = default;
};

/// Geometry of a partition's strands, and what synthesis asks of them. A value; lengths in nucleotides (nt).
///
///   5'  forward primer | sync | address | version | molecule | payload | reverse primer's other strand  3'
///
/// A block is spread over data_molecules strands, to which parity_molecules are added; molecule numbers count both.
struct profile {
  std::string name = "150nt";
  std::uint32_t primer_nt = 20;
  std::string sync = "A";    ///< bases between primer and address
  std::uint32_t levels = 5;  ///< edges from the address tree's root to a leaf, two bases each, if `index` is quaternary
  index_shape index;         ///< the tree whose leaves are blocks
  std::uint32_t version_nt = 1;   ///< 1: four slots, 2: sixteen
  std::uint32_t molecule_nt = 2;  ///< always 2: sixteen pairs of bases, of which a strand may use fifteen
  std::uint32_t payload_nt = 96;
  std::uint32_t data_molecules = 11;
  std::uint32_t parity_molecules = 4;
  double outer = 0;  ///< parity blocks a block, across blocks that are written together: 0.1 for 10 %
  double gc_min = 0.40, gc_max = 0.60;  ///< share of G and C in each payload
  std::uint32_t homopolymer_max = 4;    ///< longest run of one base anywhere in a strand
  std::vector<std::string> avoid;       ///< motifs that no strand may have on either side, such as restriction sites
  /// Each top-level directory has leaves and a journal of its own: the strands of one directory tell all that is in it.
  bool directory_journals = false;
  price_list prices;

  /// Derived sizes.
  std::uint32_t address_nt() const { return index.quaternary() ? 2 * levels : index.address_nt(); }
  std::uint32_t leaves() const { return index.quaternary() ? 1U << (2 * levels) : index.leaves(); }
  std::uint32_t versions() const { return 1U << (2 * version_nt); }
  std::uint32_t molecules() const { return data_molecules + parity_molecules; }
  std::uint32_t payload_bytes() const { return payload_nt / 4; }
  std::uint32_t symbols() const { return payload_nt / 2; }  ///< Reed-Solomon symbols a molecule holds, one per codeword
  std::uint32_t stored_bytes() const { return data_molecules * payload_bytes() - header_bytes; }
  /// Content of a block. Parity also covers its kind and length, which takes two bytes of every block.
  std::uint32_t block_bytes() const { return stored_bytes() - (outer > 0 ? 2 : 0); }
  std::uint32_t index_nt() const;   ///< sync, address, version and molecule
  std::uint32_t strand_nt() const;  ///< everything, primers included

  /// Density of full blocks: content bits over bases synthesised, parity blocks included.
  double bits_per_nt() const;
  double bits_per_nt_without_primers() const;

  /// Throws profile_error unless the parts fit each other.
  void check() const;

  bool operator==(const profile&) const = default;

  static constexpr std::uint32_t header_bytes = 8;
};

/// The built-in ones: "150nt" (the default); "200nt", whose payload is larger; "poor", for pools in which more than a
/// fifth of the strands may be lost: 8 parity molecules and a tenth of parity blocks; "archive", for thousands of
/// conversations that are changed and read one by one: 65,536 leaves of sixteen slots, a journal for each directory.
/// Throws profile_error for other names.
profile built_in_profile(std::string_view name);

/// Reads a [profile] table; what it does not name is as in the built-in profile `like` (default 150nt). Unknown keys
/// are errors. `origin` is for messages. Throws profile_error.
profile profile_from_toml(std::string_view text, std::string_view origin);
std::string to_toml(const profile& geometry);

}  // namespace chromatin::dna
