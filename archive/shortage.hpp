#pragma once

/// What reads did not bring of the blocks that were asked for, and how many more would. Pure.

#include <optional>
#include <span>
#include <vector>

#include "dna/geometry/profile.hpp"
#include "dna/reads/partition_reads.hpp"

namespace chromatin::archive {

struct shortage {
  std::vector<dna::block_id> missing;  ///< in the order in which they were asked for
  /// Of the same product, about; 0 where none of the missing blocks can be in it: what else was read is read so often
  /// that they would have been seen.
  std::uint64_t reads_more = 0;

  bool operator==(const shortage&) const = default;
};

/// `reads`: of all orders so far. Nothing where every block was decoded. A block's molecules come as Poisson's law
/// says: those that were seen tell how often one is read, and from that follows how many reads bring one molecule more
/// than a block is decoded from, which makes up for an error. What came of others than `wanted` in those reads, who
/// shared a PCR, is not counted: it is not read again. At most eight times the rest is asked for.
std::optional<shortage> shortage_of(std::span<const dna::block_id> wanted, std::span<const dna::block_outcome> outcomes,
                                    std::uint64_t reads, const dna::profile& geometry);

}  // namespace chromatin::archive
