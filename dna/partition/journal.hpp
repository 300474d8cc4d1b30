#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "dna/geometry/address_tree.hpp"
#include "dna/blocks/block.hpp"

namespace chromatin::dna {

/// A journal that does not add up: another format, or written by something else.
struct journal_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Directories and files are numbered in the order in which they appear in the journal, from 1; 0 is the root.
using node_id = std::uint32_t;

struct make_directory {
  node_id parent = 0;
  std::string name;

  bool operator==(const make_directory&) const = default;
};

struct put_file {
  node_id parent = 0;
  std::string name;
  std::uint64_t size_bytes = 0;
  std::uint32_t checksum = 0;  ///< of the whole content
  std::vector<leaf_run> runs;  ///< its blocks in order
  bool compressed = false;     ///< size and checksum are those of a zstd frame

  bool operator==(const put_file&) const = default;
};

/// Blocks that give way to others: numbers of blocks in the file as it was before.
struct block_splice {
  std::uint32_t at = 0;
  std::uint32_t removed = 0;
  std::vector<leaf_run> runs;

  bool operator==(const block_splice&) const = default;
};

struct update_file {
  node_id file = 0;
  std::uint64_t size_bytes = 0;
  std::uint32_t checksum = 0;
  std::vector<std::uint32_t>
      patched;  ///< numbers of blocks, as it was before, whose next version slot is taken; ascending
  std::vector<block_splice> splices;  ///< ascending, without overlap

  bool operator==(const update_file&) const = default;
};

/// Parity blocks across those that the operation before it wrote (outer_code.hpp).
struct protect_blocks {
  std::vector<leaf_run> runs;

  bool operator==(const protect_blocks&) const = default;
};

/// A subtree that from now on is a directory's alone. The first is where the directory's own journal begins.
struct own_leaves {
  node_id directory = 0;
  leaf_run run;

  bool operator==(const own_leaves&) const = default;
};

using operation = std::variant<make_directory, put_file, update_file, protect_blocks, own_leaves>;

/// What happens together or not at all.
using operations = std::vector<operation>;

/// A commit with the number that it has in its partition.
struct recorded_commit {
  std::uint32_t number = 0;
  operations changes;

  bool operator==(const recorded_commit&) const = default;
};

/// The first byte of a journal.
enum class journal_format : std::uint8_t {
  counted = 1,   ///< every commit of the partition is here: they count from 1
  numbered = 2,  ///< some of them are, with their numbers: other directories have theirs
};

/// A commit as bytes of the journal (docs/formats.md): length, its number where the format has it, then operations.
byte_string encode(const recorded_commit& commit, journal_format format);

/// Commits in the order in which they were written, their numbers ascending. Bytes at the end that are less than a
/// commit are left out. Throws journal_error.
std::vector<recorded_commit> decode_journal(std::span<const std::uint8_t> bytes, journal_format format);

}  // namespace chromatin::dna
