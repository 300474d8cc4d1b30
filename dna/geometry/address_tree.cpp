#include "dna/geometry/address_tree.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>

#include "dna/geometry/address_codes.hpp"
#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {
namespace {

std::string text_of(std::uint64_t code, std::uint32_t bases) {
  std::string text(bases, 'A');
  for (std::uint32_t i = 0; i < bases; ++i) text[bases - 1 - i] = "ACGT"[code >> 2 * i & 3];
  return text;
}

std::uint32_t checked(std::uint32_t levels) {
  if (levels < 1 || levels > index_shape::levels_max)
    throw std::invalid_argument{fmt::format("an address tree has 1 to {} levels", index_shape::levels_max)};
  return levels;
}

}  // namespace

address_tree::address_tree(std::uint32_t levels, std::uint64_t seed) : address_tree{index_shape{}, levels, seed} {}

address_tree::address_tree(const index_shape& shape, std::uint32_t levels, std::uint64_t seed)
    : shape_{shape},
      nodes_{shape.quaternary() ? index_shape::quaternary_nodes(checked(levels)) : shape.nodes()},
      codes_{shape.quaternary() ? quaternary_codes(levels, seed) : edge_codes(nodes_, seed)},
      addresses_(leaves()) {
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].level == level_begins_.size()) level_begins_.push_back(i);
    address_nt_ = std::max(address_nt_, nodes_[i].nt);
  }
  level_begins_.push_back(static_cast<std::uint32_t>(nodes_.size()));
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].children > 0) continue;
    const auto leaf = nodes_[i].leaves.first;
    addresses_[leaf] = padded(codes_[i], nodes_[i].nt, address_nt_, seed ^ leaf);
    if (!shape.quaternary()) leaf_of_.emplace(addresses_[leaf], leaf);
  }
}

const index_node& address_tree::find(const subtree& node) const {
  if (node.level + 1 < level_begins_.size()) {
    const auto begin = nodes_.begin() + level_begins_[node.level], end = nodes_.begin() + level_begins_[node.level + 1];
    const auto found = std::lower_bound(
        begin, end, node.first, [](const index_node& one, std::uint32_t first) { return one.leaves.first < first; });
    if (found != end && found->leaves.first == node.first) return *found;
  }
  throw std::out_of_range{fmt::format("no node at leaf {}, level {}", node.first, node.level)};
}

std::string address_tree::prefix_of(const index_node& node) const { return text_of(codes_[number_of(node)], node.nt); }

std::string address_tree::bases(std::uint32_t leaf) const {
  if (leaf >= leaves()) throw std::out_of_range{fmt::format("no leaf {} among {}", leaf, leaves())};
  return text_of(addresses_[leaf], address_nt_);
}

std::vector<subtree> address_tree::children(const subtree& node) const {
  const auto& from = find(node);
  std::vector<subtree> found;
  for (std::uint32_t i = 0; i < from.children; ++i)
    found.push_back({nodes_[from.first_child + i].leaves.first, node.level + 1});
  return found;
}

subtree address_tree::above(std::uint32_t leaf, std::uint32_t level) const {
  if (leaf >= leaves()) throw std::out_of_range{fmt::format("no leaf {} among {}", leaf, leaves())};
  const auto* at = &nodes_.front();
  while (at->level < level && at->children > 0) {
    const auto* child = &nodes_[at->first_child];
    while (child->leaves.end() <= leaf) ++child;
    at = child;
  }
  return {at->leaves.first, at->level};
}

leaf_run address_tree::around(std::uint32_t lowest, std::uint32_t highest) const {
  const auto* at = &nodes_.front();
  for (bool down = true; down && at->children > 0;) {
    const auto* child = &nodes_[at->first_child];
    while (child->leaves.end() <= lowest) ++child;
    down = highest < child->leaves.end();
    if (down) at = child;
  }
  return at->leaves;
}

std::vector<subtree> address_tree::cover(const leaf_run& run) const {
  if (run.first > leaves() || run.count > leaves() - run.first)
    throw std::out_of_range{fmt::format("no leaves {} to {} among {}", run.first, run.end(), leaves())};
  std::vector<subtree> found;
  std::vector<std::uint32_t> open{0};
  while (!open.empty()) {
    const auto& node = nodes_[open.back()];
    open.pop_back();
    const auto first = std::max(node.leaves.first, run.first), end = std::min(node.leaves.end(), run.end());
    if (first >= end) continue;
    if (leaf_run{first, end - first} == node.leaves) {
      found.push_back({first, node.level});
      continue;
    }
    for (auto i = node.children; i-- > 0;) open.push_back(node.first_child + i);
  }
  return found;
}

std::optional<std::uint32_t> address_tree::exact(std::string_view text) const {
  if (text.size() < address_nt_) return {};
  std::uint64_t code = 0;
  std::uint32_t leaf = 0;
  for (std::uint32_t i = 0; i < address_nt_; ++i) {
    const int base = base_index(text[i]);
    if (base < 0) return {};
    code = code << 2 | static_cast<std::uint64_t>(base);
    // Of the quaternary tree every second base is the child.
    if (i % 2 == 0) leaf = leaf << 2 | static_cast<std::uint32_t>(base);
  }
  if (shape_.quaternary()) return addresses_[leaf] == code ? std::optional{leaf} : std::nullopt;
  const auto found = leaf_of_.find(code);
  return found == leaf_of_.end() ? std::nullopt : std::optional{found->second};
}

/// Walks the tree beside rows of the edit distance between prefix and text, and turns back where every cell is worse
/// than the best leaf so far. Of each row only the cells are filled in that so few edits can reach, and one on each
/// side.
struct address_tree::search {
  static constexpr std::uint32_t edits_most = 4;
  static constexpr std::size_t cells = index_shape::address_nt_max + edits_most + 1;
  static constexpr std::uint8_t out_of_reach = 100;
  using row = std::array<std::uint8_t, cells + 1>;

  void visit(const index_node& node, const row& above) {
    row at;
    for (std::uint32_t child = node.first_child; child < node.first_child + node.children; ++child) {
      const auto& next = tree.nodes_[child];
      if (walk(tree.codes_[child], node.nt, next.nt, above, at)) visit(next, at);
    }
    if (node.children > 0) return;
    // A leaf: what its address has beyond its path.
    const auto leaf = node.leaves.first;
    if (node.nt == tree.address_nt_)
      finish(leaf, above);
    else if (walk(tree.addresses_[leaf], node.nt, tree.address_nt_, above, at))
      finish(leaf, at);
  }

  /// From a prefix of `nt` bases to that of a code, of `end`. False where nothing can come of it.
  bool walk(std::uint64_t code, std::uint32_t nt, std::uint32_t end, const row& from, row& to) const {
    if (nt == end) to = from;
    row between;
    const auto* at = &from;
    while (nt < end) {
      ++nt;
      auto& next = (end - nt) % 2 == 0 ? to : between;
      step(*at, static_cast<std::uint32_t>(code >> 2 * (end - nt) & 3), nt, next);
      at = &next;
    }
    return *std::min_element(to.begin() + first_of(nt), to.begin() + last_of(nt) + 1) <= best;
  }

  /// The cells of the row of a prefix of `nt` bases that are within reach.
  std::uint32_t first_of(std::uint32_t nt) const { return nt > reach ? nt - reach : 0; }
  std::uint32_t last_of(std::uint32_t nt) const { return std::min(nt + reach, columns - 1); }

  void step(const row& above, std::uint32_t base, std::uint32_t nt, row& next) const {
    const auto first = first_of(nt), last = last_of(nt);
    if (first == 0)
      next[0] = static_cast<std::uint8_t>(nt);
    else
      next[first - 1] = out_of_reach;
    for (std::uint32_t j = std::max(first, 1U); j <= last; ++j)
      next[j] =
          static_cast<std::uint8_t>(std::min({above[j] + 1, next[j - 1] + 1, above[j - 1] + (text[j - 1] != base)}));
    next[last + 1] = out_of_reach;
  }

  void finish(std::uint32_t leaf, const row& last) {
    const auto length = tree.address_nt_;
    for (auto j = first_of(length); j <= last_of(length); ++j) {
      if (last[j] > best) continue;
      const auto far = [&](std::uint32_t end) { return end > length ? end - length : length - end; };
      if (last[j] < best || !found) {
        found = address_match{leaf, last[j], j};
        best = last[j];
        tie = false;
      } else if (found->leaf != leaf) {
        tie = true;
      } else if (far(j) < far(found->length)) {
        found->length = j;
      }
    }
  }

  const address_tree& tree;
  std::array<std::uint8_t, cells> text{};
  std::uint32_t columns = 0;
  std::uint32_t reach = 0;  // the edits that are looked for
  std::uint32_t best = 0;
  std::optional<address_match> found{};
  bool tie = false;
};

std::optional<address_match> address_tree::nearest(std::string_view text, std::uint32_t edits_max) const {
  if (const auto leaf = exact(text)) return address_match{*leaf, 0, address_nt_};
  if (edits_max == 0) return {};
  search walk{*this};
  walk.best = walk.reach = std::min(edits_max, search::edits_most);
  walk.columns = static_cast<std::uint32_t>(std::min<std::size_t>(text.size(), address_nt_ + walk.best)) + 1;
  search::row first{};
  for (std::uint32_t j = 0; j < walk.columns; ++j) {
    first[j] = static_cast<std::uint8_t>(j);
    // N differs from every base.
    if (j > 0) walk.text[j - 1] = static_cast<std::uint8_t>(base_index(text[j - 1]));
  }
  walk.visit(nodes_.front(), first);
  if (walk.tie) return {};
  return walk.found;
}

}  // namespace chromatin::dna
