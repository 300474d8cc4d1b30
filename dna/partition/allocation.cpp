#include "dna/partition/allocation.hpp"

#include <algorithm>

namespace chromatin::dna {
void leaf_allocation::take(const leaf_run& run) {
  for (auto leaf = run.first; leaf < run.end(); ++leaf) take(leaf);
}

void leaf_allocation::keep(std::span<const leaf_run> runs) {
  auto kept = std::vector<state>(states_.size(), state::taken);
  for (const auto& run : runs)
    for (auto leaf = run.first; leaf < run.end(); ++leaf) kept.at(leaf) = states_[leaf];
  states_ = std::move(kept);
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

struct leaf_allocation::counted {
  counted(const leaf_allocation& of, bool owned_too) : up_to(of.states_.size() + 1) {
    for (std::uint32_t leaf = 0; leaf < of.states_.size(); ++leaf)
      up_to[leaf + 1] = up_to[leaf] + !of.usable(leaf, owned_too);
  }
  bool whole(const leaf_run& run) const { return up_to[run.end()] == up_to[run.first]; }
  std::vector<std::uint32_t> up_to;
};

/// The smallest free subtree that is large enough, and of several the one in the smallest free subtree, so that large
/// ones stay whole; the lowest of those.
std::optional<leaf_run> leaf_allocation::aligned(std::uint32_t count, const leaf_run& within, bool owned_too) const {
  const counted unusable{*this, owned_too};
  const auto& nodes = tree_->nodes();
  const auto free = [&](const index_node& node) {
    return node.leaves.first >= within.first && node.leaves.end() <= within.end() && unusable.whole(node.leaves);
  };
  const index_node* best = nullptr;
  std::uint32_t best_around = 0;
  for (const auto& node : nodes) {
    if (node.leaves.count < count || (best && node.leaves.count > best->leaves.count) || !free(node)) continue;
    const auto* around = &node;
    while (around->parent != static_cast<std::uint32_t>(around - nodes.data()) && free(nodes[around->parent]))
      around = &nodes[around->parent];
    const auto better = !best || node.leaves.count < best->leaves.count || around->leaves.count < best_around;
    if (better) best = &node, best_around = around->leaves.count;
  }
  if (!best) return {};
  return best->leaves;
}

std::optional<leaf_run> leaf_allocation::contiguous(std::uint32_t count, const leaf_run& within, bool owned_too) const {
  std::optional<leaf_run> best;
  std::size_t best_primers = 0;
  std::uint32_t length = 0;
  for (auto leaf = within.first; leaf < within.end(); ++leaf) {
    length = usable(leaf, owned_too) ? length + 1 : 0;
    if (length < count) continue;
    const leaf_run run{leaf + 1 - count, count};
    const auto primers = tree_->cover(run).size();
    if (!best || primers < best_primers) best = run, best_primers = primers;
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
  if (found) found->count = count;
  const auto runs = found ? std::vector{*found} : fragments(count);
  for (const auto& run : runs) take(run);
  return runs;
}

std::optional<leaf_run> leaf_allocation::room(std::uint32_t leaves) const {
  return aligned(leaves, {0, static_cast<std::uint32_t>(states_.size())}, false);
}

}  // namespace chromatin::dna
