#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dna/blocks/block.hpp"
#include "dna/geometry/profile.hpp"
#include "dna/partition/directory_tree.hpp"
#include "dna/partition/journal.hpp"

namespace chromatin::dna {

class leaf_allocation;

/// Blocks of a partition.
using block_map = std::map<block_id, block>;

/// A journal as the blocks of a partition tell it: commits, the directories and files that they make, and where the
/// next record goes. A value.
///
/// A partition has one that begins at leaf 0. With profile::directory_journals that one only tells which directories
/// there are and where; each top-level directory has a journal of its own (arXiv 2212.13447: a directory is a subtree,
/// and an elongated primer brings it whole):
///
///   * It begins at the first leaf of the directory's subtree, with a block of kind `directory`, so that it is found
///     without the partition's journal. Its first record tells the directory's name and the subtree.
///   * It grows like any journal: slot after slot of a leaf, then on at the leaf that was reserved when slot 0 of this
///     one was written. That leaf always is one of the directory's own, so the primer that brings what was written also
///     brings what will be: a record that is missing leaves reads of its block, or none at any depth.
///   * Where the subtree is full, the directory takes another one and its own journal says so; the partition's journal
///     is not written to.
///   * Records have the number that the commit has in the partition. Whoever knows how many commits there are, and
///     has read all of the later ones in other directories, knows that a directory's last record is its last.
///   * A commit is in one directory. The one that makes the directory is in the partition's journal, too, under the
///   same
///     number; either of the two journals is of use without the other.
class ledger {
 public:
  /// `first`: 0 for the partition's own, or the first leaf of a directory's subtree.
  ledger(const profile& geometry, std::uint32_t first);

  /// Takes out of the blocks what they have of it. A block of which only the second copy is there is added, and its id
  /// to `restored`.
  void read(block_map& blocks, std::vector<block_id>& restored);

  bool of_directory() const { return first_ > 0; }
  std::uint32_t first() const { return first_; }
  /// Of the directory; "" for the partition's own, and for one whose first record was not read.
  std::string name() const;
  /// The leaves that nobody else writes to: all of a partition without other journals.
  std::vector<leaf_run> own() const;
  bool owns(std::uint32_t leaf) const;

  const directory_tree& tree() const { return tree_; }
  /// As it was after that commit of the partition.
  directory_tree tree_at(std::optional<std::uint32_t> commit) const;
  const std::vector<recorded_commit>& commits() const { return commits_; }
  std::uint32_t last_commit() const { return commits_.empty() ? 0 : commits_.back().number; }
  bool has(std::uint32_t commit) const;

  /// Its blocks, second copies included.
  std::set<block_id> blocks() const;
  /// Those that record the commit of that place in commits(), without second copies.
  std::vector<block_id> blocks_of(std::size_t place) const;
  bool empty() const { return parts_.empty(); }
  /// The block that the next record would begin in; nothing where no leaf is left for it.
  std::optional<block_id> next() const;
  /// Leaves that are kept for it although nothing stands there yet.
  std::vector<std::uint32_t> reserved() const;

  /// Why commits may be missing after the last one, as far as the blocks tell. Empty where they do not.
  const std::vector<std::string>& damage() const { return damage_; }
  /// Blocks of it are there behind the end that was found.
  void note_later();

  /// Adds a record, and returns its blocks. Leaves to go on at come out of `leaves`, within `home` where it has some.
  /// Throws partition_full where there is none; what is left of the ledger is of no use then.
  std::vector<block> record(recorded_commit commit, leaf_allocation& leaves, const leaf_run& home);

 private:
  /// Where the journal goes on.
  struct journal_end {
    std::uint32_t leaf = 0, slot = 0;  ///< of the next block
    std::uint32_t next = 0;            ///< leaf reserved for when this one is full; 0: none
    std::uint32_t mirror = 0;          ///< leaf with the same blocks once more; 0: none
    std::uint32_t next_mirror = 0;
  };
  struct part {
    block_id id;
    std::optional<block_id> mirror;
    std::size_t end;  ///< of the journal's bytes with this block
  };

  const block* block_here(block_map& blocks, std::vector<block_id>& restored) const;
  byte_string gather(block_map& blocks, std::vector<block_id>& restored);
  void decode(const byte_string& stream);
  void check_directory() const;
  block_kind kind_here() const;

  profile geometry_;
  std::uint32_t first_;
  journal_format format_;
  std::vector<recorded_commit> commits_;
  std::vector<std::size_t> commit_ends_;  ///< in the journal's bytes
  directory_tree tree_;
  journal_end end_;
  std::vector<part> parts_;  ///< its blocks in order
  std::vector<std::string> damage_;
};

/// Leaves at the front of a partition that are its own journal's: with directory_journals as many as it can need, and
/// nobody else's; otherwise files get them when nothing else is left.
leaf_run journal_home(const profile& geometry);

}  // namespace chromatin::dna
