#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dna/blocks/block_codec.hpp"
#include "dna/partition/partition.hpp"
#include "dna/geometry/strand.hpp"

namespace chromatin::dna {

/// A store folder that is none, is damaged, is in use, or clashes with another. One line, with the file and the way
/// out.
struct store_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Strands that were sent to synthesis together.
struct synthesis_order {
  std::uint32_t number = 0;  ///< from 1
  std::size_t first = 0;     ///< its first strand
  std::size_t strands = 0;
};

/// A partition in a folder (docs/formats.md):
///
///   partition.toml   profile and primers; a count and a checksum of what the others hold
///   oligos.fa        every strand ever written, in order: the only copy of the data, as a tube would be
///   orders.csv       which of them were ordered when
///
/// A commit is written behind oligos.fa, and is in when partition.toml counts it, which is replaced whole, last: the
/// others may hold more than it counts, never less. What a crash left uncounted is out, and the next commit is written
/// over it. Opening decodes oligos.fa. One thread at a time.
class store {
 public:
  enum class access { read, write };

  /// An empty one. Throws store_error where the folder is there and not empty, or where a store in the same parent
  /// folder has one of the primers.
  static store create(const std::filesystem::path& folder, const partition_description& description);

  /// Throws store_error, profile_error or reads_error. For writing there must be no other writer: the folder is locked
  /// until the store is gone.
  static store open(const std::filesystem::path& folder, access how);

  store(store&&) noexcept;
  ~store();

  const std::filesystem::path& folder() const;
  const strand_layout& layout() const;
  const block_codec& codec() const;
  const partition& contents() const;

  /// As partition's; written when they return. Return the blocks that were added.
  std::vector<block> put(std::span<const new_file> files);
  std::vector<block> update(std::string_view path, std::span<const std::uint8_t> content);

  /// Strands in the order in which they were written: molecules() of a block in a row, blocks as in blocks().
  std::size_t strand_count() const;
  std::string_view strand(std::size_t number) const;
  strand_id id(std::size_t number) const;
  const std::vector<block_id>& blocks() const;

  const std::vector<synthesis_order>& orders() const;
  std::size_t ordered() const;  ///< strands that were: the first ones
  /// Notes that everything written so far is ordered now. Nothing where nothing is new.
  void mark_ordered();

 private:
  struct state;
  explicit store(std::unique_ptr<state> opened);
  void append(std::span<const block> blocks);

  std::unique_ptr<state> state_;
};

/// What a strand is called in FASTA and CSV files: "0017.0.03" is molecule 3 of version 0 at leaf 17.
std::string strand_name(const strand_id& id);

/// The first folder beside `folder` whose partition has one of these primers; empty where there is none. Folders that
/// cannot be read are passed over.
std::filesystem::path store_with_primers(const std::filesystem::path& parent, const primer_pair& primers);

}  // namespace chromatin::dna
