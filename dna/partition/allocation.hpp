#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dna/geometry/address_tree.hpp"

namespace chromatin::dna {

/// Which leaves are taken, and by preference left alone. Hands out aligned subtrees (buddy allocation), so that one
/// primer brings a file, as long as there are such; then the run that the fewest primers cover; then what is left.
/// Leaves never come back. A value.
class leaf_allocation {
 public:
  /// leaves: a power of 4.
  explicit leaf_allocation(std::uint32_t leaves) : states_(leaves, state::free) {}

  void take(std::uint32_t leaf) { states_.at(leaf) = state::taken; }
  void take(const leaf_run& run);
  /// Free leaves of a subtree become part of it: others get them only when there is no other room.
  void own(const leaf_run& subtree);

  bool taken(std::uint32_t leaf) const { return states_.at(leaf) == state::taken; }
  std::uint32_t free() const;

  /// `count` leaves in order, as few runs as possible. In `home` if it has room, where owned leaves may be used; else
  /// in `near`; else anywhere. Nothing where fewer are free.
  std::optional<std::vector<leaf_run>> allocate(std::uint32_t count, std::optional<leaf_run> home = {},
                                                std::optional<leaf_run> near = {});

  /// The place of the smallest aligned subtree with so many leaves, all of them free and not owned; it stays free.
  std::optional<leaf_run> room(std::uint32_t leaves) const;

 private:
  enum class state : std::uint8_t { free, owned, taken };
  bool usable(std::uint32_t leaf, bool owned_too) const;
  std::optional<leaf_run> aligned(std::uint32_t count, const leaf_run& within, bool owned_too) const;
  std::optional<leaf_run> contiguous(std::uint32_t count, const leaf_run& within, bool owned_too) const;
  std::vector<leaf_run> fragments(std::uint32_t count) const;

  std::vector<state> states_;
};

/// The smallest aligned subtree with at least so many leaves: its number of leaves.
std::uint32_t subtree_leaves(std::uint32_t count);

/// The smallest aligned subtree that holds all of these leaves.
leaf_run subtree_around(std::uint32_t lowest, std::uint32_t highest);

}  // namespace chromatin::dna
