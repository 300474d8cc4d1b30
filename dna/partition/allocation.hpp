#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dna/geometry/address_tree.hpp"

namespace chromatin::dna {

/// Which leaves are taken, and by preference left alone. Hands out subtrees of the index, so that one primer brings a
/// file, as long as there are such; then the run that the fewest primers cover; then what is left. A value; keeps a
/// reference to the tree.
class leaf_allocation {
 public:
  explicit leaf_allocation(const address_tree& tree) : tree_{&tree}, states_(tree.leaves(), state::free) {}

  void take(std::uint32_t leaf) { states_.at(leaf) = state::taken; }
  void take(const leaf_run& run);
  /// All but these are taken.
  void keep(std::span<const leaf_run> runs);
  /// Free leaves of a subtree become part of it: others get them only when there is no other room.
  void own(const leaf_run& subtree);

  bool taken(std::uint32_t leaf) const { return states_.at(leaf) == state::taken; }
  std::uint32_t free() const;
  std::uint32_t all() const { return static_cast<std::uint32_t>(states_.size()); }

  /// `count` leaves in order, as few runs as possible. In `home` if it has room, where owned leaves may be used; else
  /// in `near`; else anywhere. Nothing where fewer are free.
  std::optional<std::vector<leaf_run>> allocate(std::uint32_t count, std::optional<leaf_run> home = {},
                                                std::optional<leaf_run> near = {});

  /// The place of the smallest subtree with so many leaves, all of them free and not owned; it stays free.
  std::optional<leaf_run> room(std::uint32_t leaves) const;

 private:
  enum class state : std::uint8_t { free, owned, taken };
  struct counted;  ///< how many leaves up to each cannot be used
  bool usable(std::uint32_t leaf, bool owned_too) const;
  std::optional<leaf_run> aligned(std::uint32_t count, const leaf_run& within, bool owned_too) const;
  std::optional<leaf_run> contiguous(std::uint32_t count, const leaf_run& within, bool owned_too) const;
  std::vector<leaf_run> fragments(std::uint32_t count) const;

  const address_tree* tree_;
  std::vector<state> states_;
};

}  // namespace chromatin::dna
