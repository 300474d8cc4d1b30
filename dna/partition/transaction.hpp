#pragma once

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "dna/blocks/outer_code.hpp"
#include "dna/partition/allocation.hpp"
#include "dna/partition/partition.hpp"

namespace chromatin::dna {

/// A partition's commit in the making (partition_write.cpp): nothing of the partition changes before it is kept.
struct transaction {
  directory_tree tree;
  leaf_allocation leaves;
  std::uint32_t block_bytes;
  double outer;        ///< share of parity blocks
  std::uint32_t kept;  ///< leaves without a block that are left for the journal as long as there are others
  operations changes;
  std::vector<block> blocks;
  std::map<std::uint32_t, std::uint32_t> given_back;  ///< directory_tree::given_back, less what is used
  std::map<std::uint32_t, std::uint32_t> bases;       ///< of those that are used: the slot to begin in

  /// Blocks that so many bytes take.
  std::uint32_t blocks_for(std::size_t size_bytes) const {
    return static_cast<std::uint32_t>((size_bytes + block_bytes - 1) / block_bytes);
  }

  /// Throws partition_error where the partition is full.
  std::vector<leaf_run> allocate(std::uint32_t count, std::string_view path, std::optional<leaf_run> home,
                                 std::optional<leaf_run> near = {});
  /// The same for blocks of files, which may also begin at leaves that were given back.
  std::vector<leaf_run> allocate_blocks(std::uint32_t count, std::string_view path, std::optional<leaf_run> home,
                                        std::optional<leaf_run> near = {});

  /// Leaves without a block that are kept as long as there are others: for the journal, and for the parity without
  /// which those that were given back could not be used.
  std::uint32_t fresh_kept() const { return kept + outer_code::parity_for(given_back.size(), outer); }

  /// Adds an operation.
  void step(operation one) {
    tree.apply(one);
    changes.push_back(std::move(one));
  }

  /// Leaves that a new file takes: its blocks and their parity.
  std::uint32_t leaves_for(std::size_t size_bytes) const {
    const auto count = blocks_for(size_bytes);
    return count + outer_code::parity_for(count, outer);
  }

  /// Adds parity for the blocks from this one on, if there are any and the profile asks for it, and the operation that
  /// says so. Takes leaves out of `home` where it can.
  void protect(std::size_t first, std::string_view path, std::optional<leaf_run> home);
  /// The same on leaves that were taken for it.
  void protect(std::size_t first, std::vector<leaf_run> runs);

  /// Cuts content into blocks for these leaves.
  void write(std::span<const leaf_run> runs, std::span<const std::uint8_t> content);
};

/// Adds to a commit what makes `content` of a file: patches, blocks that take the place of others, blocks between them.
/// `old`: the content of the file's blocks now; `home`: the subtree they live in.
void plan_update(transaction& commit, const partition& of, const tree_node& file, std::optional<leaf_run> home,
                 update_file& update, std::span<const byte_string> old, std::span<const std::uint8_t> content,
                 std::string_view path);

}  // namespace chromatin::dna
