#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "dna/blocks/block_codec.hpp"
#include "dna/reads/consensus.hpp"
#include "dna/reads/known_payloads.hpp"

namespace chromatin::dna {

/// What the reads gave for one block.
struct block_outcome {
  block_id id;
  std::optional<block> decoded;
  std::uint64_t reads = 0;              ///< whose index says that they are of it
  std::uint64_t foreign_reads = 0;      ///< of those, whose payload agrees with no other's: misprimed, misread
  std::uint32_t molecules = 0;          ///< that were seen
  std::uint64_t unexplained_reads = 0;  ///< not decoded, and no copies of what was (explain)
  /// So few reads that nothing was expected here: strays of an index that was misread, or of blocks that were not
  /// amplified. Never with a decoded block.
  bool trace = false;
  std::string reason;  ///< what it would take, one line; empty when decoded
  /// What reads are sure of, where it was not decoded, is no trace, and its profile has an outer code, which can use
  /// it.
  std::optional<partial_block> part{};
};

/// What outcomes give to a partition.
struct read_blocks {
  std::vector<block> whole;
  std::vector<partial_block> parts;
};
read_blocks blocks_of(std::span<const block_outcome> outcomes);

enum class erasure_use {
  full,  ///< molecules that are missing, and symbols that reads disagree on
  none,  ///< Reed-Solomon has to find every error itself, missing molecules too: to measure what erasures are worth
};

/// The reads of one partition, sorted by molecule. Memory follows the molecules there are, not the reads. add may be
/// called from several threads if each keeps to its own shards; the rest is for one thread at a time.
class partition_reads {
 public:
  static constexpr std::uint32_t shards = 64;
  static std::uint32_t shard_of(std::uint32_t leaf) { return leaf % shards; }

  /// Keeps a reference.
  explicit partition_reads(const block_codec& codec);

  void add(const parsed_strand& strand);

  /// Every block that has a read, by leaf and version. A decoded block's checksum was right; nothing else is ever given
  /// out. The outcome depends on the reads and their order only. `progress` gets blocks done and blocks in all.
  std::vector<block_outcome> decode(unsigned threads, erasure_use erasures = erasure_use::full,
                                    const std::function<void(std::size_t, std::size_t)>& progress = {}) const;

  /// Counts, for every block that could not be decoded, its reads that are no copies of known payloads.
  void explain(const known_payloads& known, std::vector<block_outcome>& outcomes) const;

 private:
  using molecules = std::vector<molecule_reads>;

  /// Of a block that was not decoded, by the zeros behind its content.
  void decode_short(const molecules& from, block_outcome& outcome) const;
  /// Of a block that was not decoded, without those of its reads that are copies of what was.
  void decode_without_copies(const molecules& from, const known_payloads& known, block_outcome& outcome) const;
  block_outcome decode_block(const block_id& id, const molecules& from, erasure_use erasures) const;

  const block_codec& codec_;
  std::vector<std::unordered_map<std::uint64_t, molecules>> shards_;  // by leaf and version
};

}  // namespace chromatin::dna
