#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dna/geometry/address_tree.hpp"
#include "dna/blocks/block.hpp"
#include "dna/geometry/description.hpp"
#include "dna/partition/directory_tree.hpp"
#include "dna/partition/journal.hpp"

namespace chromatin::dna {

class leaf_allocation;
struct transaction;

/// What cannot be done with a partition, and why. One line, with the way out.
struct partition_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct new_file {
  std::string path;  ///< from the partition's root, "alice/chapter-01.txt"
  byte_string content;
  bool compress = false;  ///< keep it as a zstd frame; it stays one when it is updated
};

/// A file or directory at some commit.
struct entry {
  std::string path;  ///< the root's is ""
  bool directory = false;
  std::uint64_t size_bytes = 0;    ///< of its blocks' content, which may be compressed
  std::uint32_t commit = 0;        ///< that changed it last
  std::vector<file_block> blocks;  ///< a file's, in order
  bool compressed = false;         ///< blocks make up a zstd frame; get undoes it
};

/// What one operation of a commit did.
struct change {
  std::string action;  ///< "put", "update" or "directory"
  std::string path;
  std::uint64_t size_bytes = 0;
  std::vector<block_id> blocks;  ///< written for it
};

/// One change to a partition. Commits count from 1; commit 0 is the empty partition.
struct commit_info {
  std::uint32_t number = 0;
  std::vector<change> changes;
  std::vector<block_id> journal;  ///< blocks that record it; a block at a border records two
};

/// What a file's blocks gave. Either the content, which has the length and checksum that the journal tells, or a
/// reason.
struct file_reading {
  std::optional<byte_string> content;
  std::vector<block_id> missing;
  std::string reason;  ///< one line; empty where there is content
};

/// What one leaf gave by itself, without the journal: the block with the patches that were read.
struct leaf_reading {
  std::optional<byte_string> content;
  std::uint32_t last = 0;                  ///< slot up to which it was read
  std::optional<std::uint32_t> successor;  ///< where the block goes on, if it was rewritten or its last slot is taken
  std::string reason;
};

/// Directories, files and their history in one partition, as blocks in, blocks out: a value, without files or tubes.
///
/// The journal begins at leaf 0 and records what was put where, so that a tube can be read without anything else; a
/// change to a block is a patch in its next version slot (arXiv 2212.13447: updates), and once the slots are used up a
/// new block at the leaf that the last patch names. With an outer code, parity blocks stand near what they protect and
/// the journal is written twice. Nothing that was written is ever changed, since DNA cannot be
/// erased in place: every commit stays readable. docs/formats.md has the layout.
class partition {
 public:
  /// From blocks that were decoded, in any order, all or some of them; none is an empty partition. What is missing
  /// shows when it is asked for, or in damage(). Throws profile_error.
  explicit partition(partition_description description, std::vector<block> blocks = {});

  const partition_description& description() const { return description_; }
  const address_tree& addresses() const { return addresses_; }

  /// Writing. Each call is one commit and returns the blocks that it adds (none where nothing changed). Where it throws
  /// partition_error nothing has changed. Directories on the way are made.
  std::vector<block> put(std::span<const new_file> files);
  /// The file's new content. Blocks that stay the same cost nothing.
  std::vector<block> update(std::string_view path, std::span<const std::uint8_t> content);
  /// Always throws: says why, and what to do instead.
  [[noreturn]] void remove(std::string_view path) const;

  std::uint32_t last_commit() const { return tree_.commits(); }
  /// Everything at a commit (default: the last), in the order of paths, without the root.
  std::vector<entry> list(std::optional<std::uint32_t> commit = {}) const;
  /// Throws partition_error where there is no such commit or the path cannot be one.
  std::optional<entry> find(std::string_view path, std::optional<std::uint32_t> commit = {}) const;
  /// Commits that changed the path or something below it.
  std::vector<commit_info> history(std::string_view path = "") const;

  /// A file's content at a commit. Throws partition_error where there is no such file then.
  file_reading get(std::string_view path, std::optional<std::uint32_t> commit = {}) const;
  /// One block of a file with just the patches that an entry tells; nothing where one of them was not read.
  std::optional<byte_string> content(const file_block& block) const { return content_of(block, nullptr); }
  leaf_reading leaf(std::uint32_t number) const;

  /// Leaves that ever held something of a file or of what is below a directory, in ascending order; the journal's for
  /// "/".
  std::vector<std::uint32_t> leaves_of(std::string_view path) const;
  /// The fewest prefixes that bring these leaves and nothing else that was ever written: what to elongate the primer
  /// by.
  std::vector<subtree> prefixes(std::span<const std::uint32_t> leaves) const;

  /// All blocks, by leaf and version.
  const std::map<block_id, block>& blocks() const { return blocks_; }
  /// For blocks of files: never written to, or given back with a slot to begin in.
  std::uint32_t free_leaves() const;

  /// The block that the next commit's record would begin in; nothing where no leaf is left for it.
  std::optional<block_id> journal_next() const;
  /// Every block that a commit that was read wrote, its records in the journal too.
  std::set<block_id> written() const;
  /// Blocks that are there although no commit that was read wrote them: signs of a later commit.
  std::vector<block_id> strays() const;
  /// Why commits may be missing after the last one, as far as the blocks tell. Empty where they do not.
  const std::vector<std::string>& journal_damage() const { return journal_damage_; }

  /// Blocks that were missing and made up for: from parity across blocks, or the journal's second copy.
  const std::vector<block_id>& restored() const { return restored_; }

  /// Lines that name what was expected and is missing, or is there and should not be. Empty where all is well.
  std::vector<std::string> damage() const;

 private:
  static constexpr std::uint8_t journal_format = 1;
  /// Where the journal goes on.
  struct journal_end {
    std::uint32_t leaf = 0, slot = 0;  ///< of the next block
    std::uint32_t next = 0;            ///< leaf reserved for when this one is full; 0: none
    std::uint32_t mirror = 0;          ///< leaf with the same blocks once more; 0: none
    std::uint32_t next_mirror = 0;
    bool operator==(const journal_end&) const = default;
  };

  void read_journal();
  const block* journal_block();
  void restore();
  directory_tree tree_at(std::optional<std::uint32_t> commit) const;
  const tree_node& file_at(const directory_tree& tree, std::string_view path) const;
  std::optional<byte_string> content_of(const file_block& block, std::vector<block_id>* missing) const;
  std::vector<block_id> journal_of(std::uint32_t commit) const;
  transaction begin() const;
  leaf_allocation used_leaves() const;
  leaf_run journal_home() const;
  std::optional<leaf_run> home_of(std::span<const file_block> blocks) const;
  std::optional<leaf_run> home_of(const directory_tree& tree, std::string_view path) const;
  void put_one(transaction& commit, const new_file& file, std::optional<leaf_run> near);
  std::vector<block> finish(transaction commit);

  partition_description description_;
  address_tree addresses_;
  std::map<block_id, block> blocks_;
  std::vector<operations> commits_;
  directory_tree tree_;
  journal_end end_;
  struct journal_part {
    block_id id;
    std::optional<block_id> mirror;
    std::size_t end;  ///< of the journal's bytes with this block
  };
  std::vector<journal_part> journal_;  ///< its blocks in order
  std::vector<block_id> restored_;
  std::vector<std::string> journal_damage_;
};

}  // namespace chromatin::dna
