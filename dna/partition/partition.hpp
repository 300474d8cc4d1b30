#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dna/blocks/block_codec.hpp"
#include "dna/geometry/address_tree.hpp"
#include "dna/geometry/description.hpp"
#include "dna/partition/ledger.hpp"

namespace chromatin::dna {

class leaf_allocation;
struct transaction;

/// What cannot be done with a partition, and why. One line, with the way out.
struct partition_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// No room, in the partition or in what a directory has of it.
struct partition_full : partition_error {
  using partition_error::partition_error;
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
///
/// With profile::directory_journals files stand in directories, each of which has a subtree and a journal of its own
/// (ledger.hpp), and a commit is within one of them. Commits are still those of the partition.
class partition {
 public:
  /// From blocks that were decoded, in any order, all or some of them; none is an empty partition. What is missing
  /// shows when it is asked for, or in damage(). `parts`: of blocks that were not decoded; with an outer code, those
  /// that others complete become blocks. Throws profile_error.
  explicit partition(partition_description description, std::vector<block> blocks = {},
                     std::span<const partial_block> parts = {});

  const partition_description& description() const { return description_; }
  const address_tree& addresses() const { return addresses_; }

  /// Writing. Each call is one commit and returns the blocks that it adds (none where nothing changed). Where it throws
  /// partition_error nothing has changed. Directories on the way are made.
  std::vector<block> put(std::span<const new_file> files);
  /// The file's new content. Blocks that stay the same cost nothing.
  std::vector<block> update(std::string_view path, std::span<const std::uint8_t> content);
  /// Always throws: says why, and what to do instead.
  [[noreturn]] void remove(std::string_view path) const;

  std::uint32_t last_commit() const;
  /// All commits up to that one were read.
  bool has_all_to(std::uint32_t commit) const;
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

  /// The journals that were read: "" is the partition's own, others go by their directory.
  const std::map<std::string, ledger, std::less<>>& journals() const { return journals_; }
  /// The one that tells of a path.
  const ledger& journal_of(std::string_view path) const;

  /// Whether one of the journals that were read tells whose a leaf is.
  bool is_claimed(std::uint32_t leaf) const;

  /// Leaves that ever held something of a file or of what is below a directory, in ascending order; the journal's for
  /// "/". With directory_journals, what reads a path by itself: the leaves of its directory's journal too, and those
  /// kept for it.
  std::vector<std::uint32_t> leaves_of(std::string_view path) const;
  /// The fewest prefixes that bring these leaves and nothing else that was ever written: what to elongate the primer
  /// by.
  std::vector<subtree> prefixes(std::span<const std::uint32_t> leaves) const;

  /// All blocks, by leaf and version.
  const block_map& blocks() const { return blocks_; }
  /// For blocks of files: never written to, or given back with a slot to begin in.
  std::uint32_t free_leaves() const;

  /// Every block that a commit that was read wrote, its records in the journal too.
  std::set<block_id> written() const;
  /// Blocks that are there although no commit that was read wrote them: signs of a later commit.
  std::vector<block_id> strays() const;
  /// Why commits may be missing after the last one, as far as the blocks tell. Empty where they do not.
  std::vector<std::string> journal_damage() const;

  /// Blocks that were missing and made up for: from parity across blocks, or the journal's second copy.
  const std::vector<block_id>& restored() const { return restored_; }

  /// Lines that name what was expected and is missing, or is there and should not be. Empty where all is well.
  std::vector<std::string> damage() const;

 private:
  void read_directories();
  void read_directory(std::uint32_t first, std::string_view name);
  void claim_journal_blocks();
  void restore(std::span<const partial_block> parts);
  struct read_in_part;
  void restore(const ledger& of, const read_in_part* parts);
  void complete(const read_in_part& parts, std::span<const block_id> members, std::span<const block_id> parity);
  void keep_restored(std::vector<block> found);
  const block* block_at(const block_id& id, bool parity) const;
  directory_tree tree_of(std::string_view path, std::optional<std::uint32_t> commit) const;
  const tree_node& file_at(const directory_tree& tree, std::string_view path) const;
  std::optional<byte_string> content_of(const file_block& block, std::vector<block_id>* missing) const;
  void add_history(const ledger& of, std::string_view path, std::map<std::uint32_t, commit_info>& into) const;

  void must_be_whole();
  transaction begin(const ledger& of, std::span<const leaf_run> more) const;
  leaf_allocation used_leaves() const;
  leaf_allocation leaves_for_directories() const;
  std::optional<leaf_run> home_of(std::span<const file_block> blocks) const;
  std::optional<leaf_run> home_of(const directory_tree& tree, std::string_view path) const;
  std::string directory_for(std::span<const new_file> files) const;
  using attempt_with = std::function<std::vector<block>(std::span<const leaf_run> more)>;
  std::vector<block> with_room(const std::string& directory, std::uint64_t leaves, const attempt_with& attempt);
  std::vector<block> put_files(const std::string& directory, std::span<const new_file> files,
                               std::span<const leaf_run> more);
  void put_one(transaction& commit, const new_file& file, std::optional<leaf_run> near);
  std::vector<block> update_at(const std::string& directory, std::string_view path,
                               std::span<const std::uint8_t> content, std::span<const leaf_run> more);
  std::vector<block> finish(transaction commit, const std::string& directory, ledger into);

  partition_description description_;
  address_tree addresses_;
  block_map blocks_;
  std::map<std::string, ledger, std::less<>> journals_;
  std::vector<std::string> unclaimed_;  ///< lines about blocks of journals that nothing says the directory of
  std::vector<block_id> restored_;
  bool whole_ = false;  ///< nothing is missing: seen once, it stays so
};

}  // namespace chromatin::dna
