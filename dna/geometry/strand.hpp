#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dna/geometry/address_tree.hpp"
#include "dna/geometry/description.hpp"

namespace chromatin::dna {

/// What one molecule says it is.
struct strand_id {
  std::uint32_t leaf = 0;
  std::uint32_t version = 0;   ///< slot 0 is the block as first written, others are patches
  std::uint32_t molecule = 0;  ///< data molecules first, then parity

  auto operator<=>(const strand_id&) const = default;
};

/// A read between the primers, taken apart. The payload is a view into the read.
struct parsed_strand {
  strand_id id;
  std::string_view payload;  ///< as many bases as the damage left: shorter or longer than the profile's by indels
  std::string_view quality;  ///< of the payload's bases, Phred + 33, or empty: then all are sure
  std::uint32_t edits = 0;   ///< needed to read the index; 0: it stood there as ordered
};

/// Where everything stands in a partition's strands:
///
///   forward primer | sync | address | version | molecule | payload | reverse complement of the reverse primer
///
/// The version's bases count through the slots, beginning with a base that the leaf tells. A molecule's pair of bases
/// is the one of that number among the fifteen left when the version's last base twice is left out: no run longer than
/// 3 can arise in the index. Immutable: any number of threads.
class strand_layout {
 public:
  explicit strand_layout(partition_description partition);

  const partition_description& partition() const { return partition_; }
  const profile& geometry() const { return partition_.geometry; }
  const address_tree& addresses() const { return addresses_; }

  /// What stands before the strand's inner part, and after it.
  const std::string& head() const { return partition_.primers.forward; }
  const std::string& tail() const { return tail_; }

  /// Sync, address, version, molecule. Throws std::out_of_range for an id that the profile does not have.
  std::string index_bases(const strand_id& id) const;

  /// The part of it that a block's molecules share: sync, address, version.
  std::string block_index(std::uint32_t leaf, std::uint32_t version) const;

  /// The whole strand for a payload of payload_bytes(), four bases a byte, the highest bits first.
  std::string assemble(const strand_id& id, std::span<const std::uint8_t> payload) const;

  /// All strands of a block, molecules() times strand_nt() bases: `payloads` are its molecules' one after the other.
  void assemble_block(std::uint32_t leaf, std::uint32_t version, std::span<const std::uint8_t> payloads,
                      std::span<char> to) const;

  /// The primer that amplifies what lies below a node of the address tree: forward primer, sync, address prefix.
  std::string elongated_primer(const subtree& node) const;

  /// Takes apart a read that begins behind the forward primer and ends before the other one, in the strand's direction
  /// (primer_locator). Tolerates damage in the index as far as the address stays nearer to one leaf than to any other;
  /// nothing where it does not, or where too little is left.
  std::optional<parsed_strand> parse(std::string_view trimmed) const;

 private:
  std::string version_bases(std::uint32_t leaf, std::uint32_t version) const;

  partition_description partition_;
  std::string tail_;
  address_tree addresses_;
};

/// The two bases of a molecule's number behind this base of the version, as a number below 16.
std::uint32_t molecule_pair(std::uint32_t molecule, char version_base);

}  // namespace chromatin::dna
