#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dna/address_tree.hpp"
#include "dna/block.hpp"
#include "dna/description.hpp"

namespace chromatin::dna {

/// What cannot be done with a partition, and why. One line, with the way out.
struct partition_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using bytes = std::vector<std::uint8_t>;

/// A file or directory at some commit.
struct entry {
  std::string path;  ///< from the root, "alice/chapter-01.txt"; the root itself is ""
  bool directory = false;
  std::uint64_t size_bytes = 0;
  std::uint32_t commit = 0;           ///< that changed it last
  std::vector<std::uint32_t> leaves;  ///< a file's blocks in order
};

/// One change to a partition. Commits count from 1; commit 0 is the empty partition.
struct commit {
  std::uint32_t number = 0;
  std::string action;  ///< "put", "update", "directory"
  std::string path;
  std::uint64_t size_bytes = 0;  ///< of the file then
  std::vector<block_id> blocks;  ///< written for it, the journal's among them
};

/// What a file's blocks gave. Either the content, checked against the length and checksum in the journal, or what is
/// missing.
struct file_reading {
  std::optional<bytes> content;
  std::vector<block_id> missing;
  std::string reason;  ///< one line; empty where there is content
};

/// What one leaf gave by itself, without the journal: the block with the patches that were read.
struct leaf_reading {
  std::optional<bytes> content;
  std::uint32_t patches = 0;               ///< that were applied
  std::optional<std::uint32_t> successor;  ///< where the block goes on if it was rewritten after its last patch slot
  std::string reason;
};

/// Directories, files and their history in one partition, as blocks in, blocks out: a value, without files or tubes.
/// docs/formats.md has the layout. Nothing that was written is ever changed: DNA cannot be erased in place.
class partition {
 public:
  /// An empty one.
  explicit partition(partition_description description);

  /// From blocks that were decoded, in any order, all or some of them. What is missing shows when it is asked for.
  partition(partition_description description, std::vector<block> blocks);

  const partition_description& description() const { return description_; }
  const address_tree& addresses() const { return addresses_; }

  /// Writing. Each is one commit and returns the blocks that it adds; where it throws partition_error nothing changed.
  std::vector<block> make_directory(std::string_view path);
  std::vector<block> put(std::string_view path, std::span<const std::uint8_t> content);
  /// The file's new content; blocks that did not change stay as they are, others get a patch or are replaced.
  std::vector<block> update(std::string_view path, std::span<const std::uint8_t> content);
  /// Always throws: says why.
  [[noreturn]] void remove(std::string_view path) const;

  /// Everything at a commit (default: the last), by path.
  std::vector<entry> list(std::optional<std::uint32_t> commit = {}) const;
  std::optional<entry> find(std::string_view path, std::optional<std::uint32_t> commit = {}) const;
  std::vector<commit> history(std::string_view path = "") const;
  std::uint32_t last_commit() const;

  file_reading get(std::string_view path, std::optional<std::uint32_t> commit = {}) const;
  leaf_reading leaf(std::uint32_t number) const;

  /// Fewest prefixes that bring a file, or everything below a directory, with all versions: what to elongate primers
  /// by.
  std::vector<subtree> prefixes(std::string_view path) const;

  /// All blocks, by leaf and version.
  const std::map<block_id, block>& blocks() const { return blocks_; }

  /// What is known to be missing: journal blocks that others point to, blocks that the journal names. One line each.
  std::vector<std::string> damage() const;

 private:
  partition_description description_;
  address_tree addresses_;
  std::map<block_id, block> blocks_;
};

}  // namespace chromatin::dna
