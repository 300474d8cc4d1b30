#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chromatin::dna {

/// A run of neighbouring leaves.
struct leaf_run {
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  std::uint32_t end() const { return first + count; }
  bool contains(std::uint32_t leaf) const { return leaf >= first && leaf < end(); }
  bool operator==(const leaf_run&) const = default;
};

inline bool contains(std::span<const leaf_run> runs, std::uint32_t leaf) {
  return std::ranges::any_of(runs, [=](const leaf_run& run) { return run.contains(leaf); });
}

/// A node of an index: everything below it shares its prefix.
struct index_node {
  leaf_run leaves;
  std::uint32_t level = 0;   ///< edges from the root
  std::uint32_t parent = 0;  ///< its number; the root's own
  std::uint32_t first_child = 0;
  std::uint32_t children = 0;  ///< 0: a leaf
  std::uint32_t nt = 0;        ///< bases of its prefix
};

/// The tree of a prefix-based index, whose keys are the paths from its root (arXiv 2212.13447 makes any such index one
/// that PCR primers can be elongated by): how many children each node has, and which keys live below it. Leaves may be
/// at any depth; each holds one block. An edge takes as many bases as its siblings need to be two bases apart. A value
/// that is cheap to copy; immutable.
class index_shape {
 public:
  enum class kind {
    quaternary,   ///< four children a node, `levels` of the profile: keys are found by the journal alone
    levels,       ///< another number of children on each level
    hash,         ///< the same, and a path's hash tells the bucket (the nodes above the leaves) that it goes to
    directories,  ///< directories and files are nodes themselves; a file has a fixed number of leaves
  };
  using file_leaves = std::vector<std::pair<std::string, std::uint32_t>>;

  /// Quaternary.
  index_shape() = default;
  /// Children on each level, 2 to 512, from the root down. Throws std::invalid_argument.
  static index_shape of_levels(std::vector<std::uint32_t> fan_out);
  static index_shape of_hash(std::vector<std::uint32_t> fan_out);
  /// Paths "alice/chapter-01.txt" with the leaves each may take. A node with 16 leaves for the journal comes first.
  /// Throws std::invalid_argument for a path that is another's directory, or twice the same.
  static index_shape of_files(file_leaves files);

  kind what() const { return data_ ? data_->what : kind::quaternary; }
  bool quaternary() const { return !data_; }
  const std::vector<std::uint32_t>& fan_out() const { return data_->fan_out; }
  const file_leaves& files() const { return data_->files; }

  /// Level by level, children side by side, the root first. Not of a quaternary index.
  const std::vector<index_node>& nodes() const { return data_->nodes; }
  std::uint32_t leaves() const { return data_->nodes.front().leaves.count; }
  std::uint32_t address_nt() const { return data_->address_nt; }

  /// Where the key belongs; nothing where the index does not say.
  std::optional<leaf_run> place_of(std::string_view path) const;

  /// The nodes of a quaternary index.
  static std::vector<index_node> quaternary_nodes(std::uint32_t levels);

  bool operator==(const index_shape& other) const;

  static constexpr std::uint32_t leaves_max = 4096, address_nt_max = 28;
  /// Of a quaternary index: 65,536 leaves, since a journal's links have 16 bits.
  static constexpr std::uint32_t levels_max = 8;

 private:
  struct data {
    kind what = kind::levels;
    std::vector<std::uint32_t> fan_out;
    file_leaves files;
    std::vector<index_node> nodes;
    std::vector<std::pair<std::string, leaf_run>> places;  ///< of files and directories, sorted
    std::uint32_t address_nt = 0;
  };
  static index_shape finished(data made);

  std::shared_ptr<const data> data_;
};

/// Bases that an edge to one of so many children takes.
std::uint32_t edge_nt(std::uint32_t children);

}  // namespace chromatin::dna
