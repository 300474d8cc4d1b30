// How a file's new content becomes patches and blocks.

#include <algorithm>

#include "dna/partition/patch.hpp"
#include "dna/partition/transaction.hpp"

namespace chromatin::dna {
namespace {

using bytes_view = std::span<const std::uint8_t>;

bool begins_with(bytes_view all, bytes_view with) {
  return all.size() >= with.size() && std::equal(with.begin(), with.end(), all.begin());
}

bool ends_with(bytes_view all, bytes_view with) {
  return all.size() >= with.size() && std::equal(with.rbegin(), with.rend(), all.rbegin());
}

class planner {
 public:
  planner(transaction& commit, const partition& of, const tree_node& file, std::optional<leaf_run> home,
          update_file& update, std::string_view path)
      : commit_{commit},
        partition_{of},
        file_{file},
        update_{update},
        path_{path},
        slots_{of.description().geometry.versions()},
        home_{home} {}

  void plan(std::span<const byte_string> old, bytes_view content) {
    std::vector<std::size_t> sizes;
    byte_string before;
    for (const auto& one : old) sizes.push_back(one.size()), before.insert(before.end(), one.begin(), one.end());
    const auto borders = borders_after(before, sizes, content);
    const auto now = [&](std::size_t i) { return content.subspan(borders[i], borders[i + 1] - borders[i]); };
    std::size_t replaced = 0;
    for (std::uint32_t i = 0; i < old.size(); ++i) replaced += action_for(i, old[i], now(i)) == action::replace;
    if (old.empty() || (replaced > 2 && replaced > old.size() / 2)) {
      // Little is left of the file: it moves as a whole, and needs no forwarding block by block.
      splice(0, static_cast<std::uint32_t>(old.size()), content);
      return;
    }
    for (std::uint32_t i = 0; i < old.size(); ++i) {
      if (action_for(i, old[i], now(i)) != action::replace) {
        change(i, old[i], now(i));
        continue;
      }
      // A block is written anew anyway: what stands after it moves in as far as it fits.
      auto end = i + 1;
      const auto fits = [&](std::size_t border) { return border - borders[i] <= commit_.block_bytes; };
      while (end < old.size() && fits(borders[end + 1])) ++end;
      replace(i, end - i, content.subspan(borders[i], borders[end] - borders[i]));
      i = end - 1;
    }
  }

 private:
  enum class action { keep, patch, add_after, add_before, remove, replace };

  bool slot_free(std::uint32_t number) const { return file_.blocks[number].last + 1 < slots_; }

  action action_for(std::uint32_t number, bytes_view old, bytes_view now) const {
    if (std::equal(old.begin(), old.end(), now.begin(), now.end())) return action::keep;
    if (now.empty()) return action::remove;
    const auto& geometry = partition_.description().geometry;
    if (slot_free(number) &&
        difference(old, now).inserted.size() + patch::header_bytes_of(geometry.leaves()) <= commit_.block_bytes)
      return action::patch;
    if (begins_with(now, old)) return action::add_after;
    if (ends_with(now, old)) return action::add_before;
    return action::replace;
  }

  void change(std::uint32_t number, bytes_view old, bytes_view now) {
    switch (action_for(number, old, now)) {
      case action::keep:
        return;
      case action::patch:
        return add_patch(number, difference(old, now));
      case action::add_after:
        return splice(number + 1, 0, now.subspan(old.size()));
      case action::add_before:
        return splice(number, 0, now.first(now.size() - old.size()));
      case action::remove:
        return splice(number, 1, now);
      case action::replace:
        return replace(number, 1, now);
    }
  }

  void add_patch(std::uint32_t number, patch change) {
    const auto& block = file_.blocks[number];
    const auto version = block.last + 1;
    if (version + 1 == slots_ && !change.successor) {
      // The last slot: say now where the block goes on, since nothing can be added to this leaf later.
      if (const auto next = commit_.leaves.allocate(1, home_)) change.successor = next->front().first;
    }
    commit_.blocks.push_back({{block.leaf, version}, block_kind::patch, encode(change)});
    update_.patched.push_back(number);
  }

  void splice(std::uint32_t at, std::uint32_t removed, bytes_view content) {
    const auto runs = commit_.allocate_blocks(commit_.blocks_for(content.size()), path_, home_);
    commit_.write(runs, content);
    update_.splices.push_back({at, removed, runs});
  }

  void replace(std::uint32_t number, std::uint32_t removed, bytes_view now) {
    const auto count = std::max(1U, commit_.blocks_for(now.size()));
    std::vector<leaf_run> runs;
    if (const auto reserved = successor(number)) runs.push_back({*reserved, 1});
    for (const auto& run : commit_.allocate_blocks(count - static_cast<std::uint32_t>(runs.size()), path_, home_))
      runs.push_back(run);
    commit_.write(runs, now);
    if (slot_free(number)) add_patch(number, {0, 0, {}, runs.front().first, true});
    update_.splices.push_back({number, removed, runs});
  }

  /// The leaf that the patch in the block's last slot names.
  std::optional<std::uint32_t> successor(std::uint32_t number) const {
    if (slot_free(number)) return {};
    const auto& last = partition_.blocks().at({file_.blocks[number].leaf, slots_ - 1});
    const auto change = last.kind == block_kind::patch ? decode_patch(last.content) : std::nullopt;
    return change ? change->successor : std::nullopt;
  }

  transaction& commit_;
  const partition& partition_;
  const tree_node& file_;
  update_file& update_;
  std::string_view path_;
  std::uint32_t slots_;
  std::optional<leaf_run> home_;
};

}  // namespace

void plan_update(transaction& commit, const partition& of, const tree_node& file, std::optional<leaf_run> home,
                 update_file& update, std::span<const byte_string> old, std::span<const std::uint8_t> content,
                 std::string_view path) {
  planner{commit, of, file, home, update, path}.plan(old, content);
}

}  // namespace chromatin::dna
