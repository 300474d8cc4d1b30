#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dna/geometry/index_shape.hpp"

namespace chromatin::dna {

/// A node of the address tree, by its lowest leaf. The root is {0, 0}.
struct subtree {
  std::uint32_t first = 0;
  std::uint32_t level = 0;  ///< edges from the root

  bool operator==(const subtree&) const = default;
};

/// What a damaged address was taken for.
struct address_match {
  std::uint32_t leaf = 0;
  std::uint32_t edits = 0;   ///< substitutions, insertions and deletions between it and the text
  std::uint32_t length = 0;  ///< bases of the text that it takes up
};

/// Leaf number <-> bases, along the tree of an index. The bases of an edge (address_codes.hpp) follow from the shape
/// and the seed alone: they are part of the format. A leaf that is nearer to the root than others has bases after its
/// path that mean nothing, so that all addresses are equally long. Immutable: any number of threads.
class address_tree {
 public:
  /// Four children a node; levels 1 to 8. Takes some 20 ms for 1,024 leaves, some 200 ms for 65,536.
  address_tree(std::uint32_t levels, std::uint64_t seed);
  /// `levels`: of a quaternary shape.
  address_tree(const index_shape& shape, std::uint32_t levels, std::uint64_t seed);

  const index_shape& shape() const { return shape_; }
  std::uint32_t levels() const { return nodes_.back().level; }  ///< the deepest
  std::uint32_t leaves() const { return nodes_.front().leaves.count; }
  std::uint32_t address_nt() const { return address_nt_; }

  /// address_nt() bases. Throws std::out_of_range for a leaf that is none.
  std::string bases(std::uint32_t leaf) const;
  /// What everything below a node begins with. These throw std::out_of_range for a node that is none.
  std::string prefix(const subtree& node) const { return prefix_of(find(node)); }
  leaf_run below(const subtree& node) const { return find(node).leaves; }
  std::vector<subtree> children(const subtree& node) const;

  /// The node of that level above a leaf, or the leaf's own if that is nearer to the root.
  subtree above(std::uint32_t leaf, std::uint32_t level) const;
  /// A leaf's own node.
  subtree node_of(std::uint32_t leaf) const { return above(leaf, levels()); }
  /// The lowest node that holds both leaves.
  leaf_run around(std::uint32_t lowest, std::uint32_t highest) const;

  /// Level by level, the root first.
  const std::vector<index_node>& nodes() const { return nodes_; }

  /// The fewest subtrees that hold exactly these leaves, in order. Throws std::out_of_range.
  std::vector<subtree> cover(const leaf_run& run) const;

  /// The leaf whose address the text begins with, after at most `edits_max` edits; nothing where none is so near or
  /// where two leaves are equally near. At most 4 edits are looked for. Some microseconds where the address is damaged.
  std::optional<address_match> nearest(std::string_view text, std::uint32_t edits_max = 2) const;

 private:
  struct search;
  const index_node& find(const subtree& node) const;
  std::string prefix_of(const index_node& node) const;
  std::optional<std::uint32_t> exact(std::string_view text) const;
  std::uint32_t number_of(const index_node& node) const { return static_cast<std::uint32_t>(&node - nodes_.data()); }

  index_shape shape_;
  std::vector<index_node> nodes_;
  std::vector<std::uint32_t> level_begins_;  ///< number of each level's first node, and the end
  std::vector<std::uint64_t> codes_;         ///< bases of each node, two bits each, the last base lowest
  std::vector<std::uint64_t> addresses_;     ///< of each leaf
  std::unordered_map<std::uint64_t, std::uint32_t> leaf_of_;  ///< by address; empty where the bases tell (quaternary)
  std::uint32_t address_nt_ = 0;
};

}  // namespace chromatin::dna
