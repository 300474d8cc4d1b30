#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::dna {

/// A run of neighbouring leaves.
struct leaf_run {
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  std::uint32_t end() const { return first + count; }
  bool operator==(const leaf_run&) const = default;
};

/// A node of the address tree: everything below it shares its prefix. The root is {0, 0}.
struct subtree {
  std::uint32_t first = 0;  ///< its lowest leaf
  std::uint32_t level = 0;  ///< edges from the root; its prefix has twice as many bases

  bool operator==(const subtree&) const = default;
};

/// What a damaged address was taken for.
struct address_match {
  std::uint32_t leaf = 0;
  std::uint32_t edits = 0;   ///< substitutions, insertions and deletions between it and the text
  std::uint32_t length = 0;  ///< bases of the text that it takes up
};

/// Leaf number <-> bases, along a 4-ary tree (arXiv 2212.13447: internal addresses that PCR primers can be elongated
/// by). Each edge is two bases. The first tells the child: A, C, G, T for 0 to 3. The second
/// differs between siblings (so that they are two substitutions apart, at the very end of an elongated primer), makes
/// no base stand three times in a row, and keeps G and C of every even prefix within one or two pairs of half (a whole
/// elongated primer at 40 to 56 %); among those it is chosen so that prefixes of one length differ most where the 3'
/// end of a primer would sit, since mispriming falls off fastest with mismatches there. The choice depends on the seed
/// and nothing else: it is part of the format. Immutable: any number of threads.
class address_tree {
 public:
  /// levels 1 to 6. Takes some 20 ms for 1,024 leaves.
  address_tree(std::uint32_t levels, std::uint64_t seed);

  std::uint32_t levels() const { return levels_; }
  std::uint32_t leaves() const { return 1U << (2 * levels_); }
  std::uint32_t leaves_below(std::uint32_t level) const { return 1U << (2 * (levels_ - level)); }

  /// 2 × levels bases. Throws std::out_of_range for a leaf that is none.
  std::string bases(std::uint32_t leaf) const;
  std::string prefix(const subtree& node) const;

  /// The fewest subtrees that hold exactly these leaves, in order. Throws std::out_of_range.
  std::vector<subtree> cover(const leaf_run& run) const;

  /// The leaf whose address the text begins with, after at most `edits_max` edits; nothing where none is so near or
  /// where two leaves are equally near. At most 4 edits are looked for. Some microseconds where the address is damaged.
  std::optional<address_match> nearest(std::string_view text, std::uint32_t edits_max = 2) const;

 private:
  struct search;
  std::optional<std::uint32_t> exact(std::string_view text) const;
  void choose_level(std::uint32_t level, std::uint64_t seed);

  std::uint32_t levels_;
  /// Bases of every node, two bits each, the last base lowest: codes_[level][number of the node].
  std::vector<std::vector<std::uint32_t>> codes_;
};

}  // namespace chromatin::dna
