#include "dna/partition/allocation.hpp"

#include <algorithm>
#include <limits>

namespace chromatin::dna {
namespace {

/// Aligned subtrees that make up a run: primers needed to bring it.
std::uint32_t primers_of(const leaf_run& run) {
  std::uint32_t count = 0;
  for (auto leaf = run.first; leaf < run.end(); ++count) {
    std::uint32_t size = 1;
    while (leaf % (4 * size) == 0 && leaf + 4 * size <= run.end()) size *= 4;
    leaf += size;
  }
  return count;
}

}  // namespace

std::uint32_t subtree_leaves(std::uint32_t count) {
  std::uint32_t size = 1;
  while (size < count) size *= 4;
  return size;
}

leaf_run subtree_around(std::uint32_t lowest, std::uint32_t highest) {
  std::uint32_t size = 1;
  while (lowest / size != highest / size) size *= 4;
  return {lowest / size * size, size};
}

void leaf_allocation::take(const leaf_run& run) {
  for (auto leaf = run.first; leaf < run.end(); ++leaf) take(leaf);
}

void leaf_allocation::own(const leaf_run& subtree) {
  for (auto leaf = subtree.first; leaf < subtree.end(); ++leaf)
    if (states_.at(leaf) == state::free) states_[leaf] = state::owned;
}

std::uint32_t leaf_allocation::free() const {
  return static_cast<std::uint32_t>(states_.size() -
                                    static_cast<std::size_t>(std::count(states_.begin(), states_.end(), state::taken)));
}

bool leaf_allocation::usable(std::uint32_t leaf, bool owned_too) const {
  return states_[leaf] == state::free || (owned_too && states_[leaf] == state::owned);
}

/// Best fit: out of the smallest free subtree, so that large ones stay whole; the lowest of those.
std::optional<leaf_run> leaf_allocation::aligned(std::uint32_t count, const leaf_run& within, bool owned_too) const {
  const auto whole = [&](std::uint32_t first, std::uint32_t size) {
    for (auto leaf = first; leaf < first + size; ++leaf)
      if (!usable(leaf, owned_too)) return false;
    return true;
  };
  const auto size = subtree_leaves(count);
  std::optional<leaf_run> best;
  auto best_around = std::numeric_limits<std::uint32_t>::max();
  for (auto first = within.first; first + size <= within.end(); first += size) {
    if (!whole(first, size)) continue;
    auto around = size;
    while (around < within.count && whole(first / (4 * around) * (4 * around), 4 * around)) around *= 4;
    if (around < best_around) best = leaf_run{first, count}, best_around = around;
  }
  return best;
}

std::optional<leaf_run> leaf_allocation::contiguous(std::uint32_t count, const leaf_run& within, bool owned_too) const {
  std::optional<leaf_run> best;
  std::uint32_t length = 0;
  for (auto leaf = within.first; leaf < within.end(); ++leaf) {
    length = usable(leaf, owned_too) ? length + 1 : 0;
    if (length < count) continue;
    const leaf_run run{leaf + 1 - count, count};
    if (!best || primers_of(run) < primers_of(*best)) best = run;
  }
  return best;
}

/// The longest runs first, then in the order of the leaves.
std::vector<leaf_run> leaf_allocation::fragments(std::uint32_t count) const {
  std::vector<leaf_run> runs;
  for (std::uint32_t leaf = 0; leaf < states_.size(); ++leaf) {
    if (!usable(leaf, true)) continue;
    if (!runs.empty() && runs.back().end() == leaf)
      ++runs.back().count;
    else
      runs.push_back({leaf, 1});
  }
  std::stable_sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
  std::size_t needed = 0;
  for (auto left = count; left > 0; ++needed) {
    runs[needed].count = std::min(runs[needed].count, left);
    left -= runs[needed].count;
  }
  runs.resize(needed);
  std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return runs;
}

std::optional<std::vector<leaf_run>> leaf_allocation::allocate(std::uint32_t count, std::optional<leaf_run> home,
                                                               std::optional<leaf_run> near) {
  if (count == 0) return std::vector<leaf_run>{};
  if (count > free()) return {};
  const leaf_run all{0, static_cast<std::uint32_t>(states_.size())};
  std::optional<leaf_run> found;
  if (home) found = aligned(count, *home, true);
  if (!found && home) found = contiguous(count, *home, true);
  if (!found && near) found = aligned(count, *near, false);
  for (const bool owned_too : {false, true}) {
    if (!found) found = aligned(count, all, owned_too);
    if (!found) found = contiguous(count, all, owned_too);
  }
  const auto runs = found ? std::vector{*found} : fragments(count);
  for (const auto& run : runs) take(run);
  return runs;
}

std::optional<leaf_run> leaf_allocation::room(std::uint32_t leaves) const {
  const auto size = subtree_leaves(leaves);
  if (size > states_.size()) return {};
  return aligned(size, {0, static_cast<std::uint32_t>(states_.size())}, false);
}

}  // namespace chromatin::dna
