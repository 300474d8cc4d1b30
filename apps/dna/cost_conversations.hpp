#pragma once

/// What archived conversations cost: `chromatin dna cost --conversations`.

#include <cstdint>

#include "dna/geometry/profile.hpp"

namespace chromatin::dna {

/// What is archived, and how it is read again. Assumptions, which are printed with the result.
struct archived_conversations {
  std::uint64_t count = 1000;
  std::uint64_t tokens = 1000;    ///< of each
  double bytes_per_token = 4;     ///< of a transcript: text and token ids, as a zstd frame
  double kv_bytes_per_token = 0;  ///< where its K and V are archived too
  double coverage = 10;           ///< reads a strand
  double on_target = 0.8;         ///< of the reads of a recall
};

/// All per conversation unless it says otherwise. Money in dollars.
struct conversation_cost {
  std::uint64_t bytes = 0;
  std::uint64_t blocks = 0;         ///< its own and its journals'
  std::uint64_t leaves = 0;         ///< its own subtree
  std::uint64_t per_partition = 0;  ///< conversations that fit one; 0: it does not fit
  std::uint64_t partitions = 0;     ///< for all of them
  std::uint64_t nt = 0;
  double bits_per_nt = 0;  ///< of what is archived, journals and half-empty blocks counted
  double synthesis = 0;
  double recall = 0;  ///< a PCR and its reads
  double reads = 0;
  double disk_per_year = 0;
  double tube_per_year = 0;

  /// Years of idling from which on DNA is cheaper than disk, with one recall at the end, were synthesis `cheaper` times
  /// as cheap; infinite where it never is.
  double even_after_years(double cheaper) const;
  /// How many times as cheap synthesis has to be for that to be so after `years`; infinite where a recall alone costs
  /// more.
  double cheaper_for(double years) const;
};

conversation_cost cost_of(const archived_conversations& what, const profile& geometry);

/// Prints the table, or JSON.
void print_cost(const archived_conversations& what, const profile& geometry, bool json);

}  // namespace chromatin::dna
