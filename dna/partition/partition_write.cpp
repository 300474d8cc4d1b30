// The writing side of a partition: what is put where.

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "dna/blocks/checksum.hpp"
#include "dna/geometry/motifs.hpp"
#include "dna/partition/compression.hpp"
#include "dna/partition/partition.hpp"
#include "dna/partition/patch.hpp"
#include "dna/partition/transaction.hpp"

namespace chromatin::dna {
namespace {

/// Leaves of a tree of fours that holds so many.
std::uint32_t subtree_leaves(std::uint32_t count) {
  std::uint32_t size = 1;
  while (size < count) size *= 4;
  return size;
}

/// Takes all but the first `count` leaves off the end of some runs.
std::vector<leaf_run> split_off(std::vector<leaf_run>& runs, std::uint32_t count) {
  std::vector<leaf_run> kept, rest;
  for (const auto& run : runs) {
    const auto here = std::min(run.count, count);
    if (here > 0) kept.push_back({run.first, here});
    if (here < run.count) rest.push_back({run.first + here, run.count - here});
    count -= here;
  }
  runs = std::move(kept);
  return rest;
}

}  // namespace

/// Leaves at the front that files get only when nothing else is left, so that one primer brings the journal.
leaf_run partition::journal_home() const {
  if (addresses_.shape().quaternary()) return {0, std::max(addresses_.leaves() / 16, 1U)};
  return addresses_.nodes()[1].leaves;
}

/// The subtree that a file's blocks live in; nothing where they are scattered.
std::optional<leaf_run> partition::home_of(std::span<const file_block> blocks) const {
  if (blocks.empty()) return {};
  const auto [lowest, highest] =
      std::minmax_element(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) { return a.leaf < b.leaf; });
  const auto home = addresses_.around(lowest->leaf, highest->leaf);
  if (home.count > 4 * subtree_leaves(static_cast<std::uint32_t>(blocks.size()))) return {};
  return home;
}

/// The subtree that what is in a directory lives in; nothing where it is spread over much of the partition.
std::optional<leaf_run> partition::home_of(const directory_tree& tree, std::string_view path) const {
  const auto slash = path.rfind('/');
  const auto id = slash == std::string_view::npos ? std::nullopt : tree.find(path.substr(0, slash));
  if (!id) return {};
  std::vector<file_block> blocks;
  for (node_id below = 1; below < tree.nodes().size(); ++below)
    if (tree.below(below, *id))
      blocks.insert(blocks.end(), tree.node(below).blocks.begin(), tree.node(below).blocks.end());
  return home_of(blocks);
}

std::vector<leaf_run> transaction::allocate(std::uint32_t count, std::string_view path, std::optional<leaf_run> home,
                                            std::optional<leaf_run> near) {
  auto runs = leaves.allocate(count, home, near);
  if (!runs)
    throw partition_error{
        fmt::format("the partition is full: \"{}\" needs {} more leaves, {} are free; put it into another one with "
                    "primers of its own",
                    path, count, leaves.free())};
  return *runs;
}

std::vector<leaf_run> transaction::allocate_blocks(std::uint32_t count, std::string_view path,
                                                   std::optional<leaf_run> home, std::optional<leaf_run> near) {
  // Those that were given back come along with what they held before: only when little else is left. The rest is kept
  // for the journal and for parity, which cannot begin there.
  const auto again = static_cast<std::uint32_t>(given_back.size());
  const auto spare = leaves.free() - std::min(leaves.free(), fresh_kept());
  const auto fresh = std::max(std::min(count, spare), count - std::min(count, again));
  auto runs = allocate(fresh, path, home, near);
  for (auto i = fresh; i < count; ++i) {
    const auto next = given_back.begin();
    bases.insert(*next);
    if (i > fresh && runs.back().end() == next->first)
      ++runs.back().count;  // a run is told in the journal as shortly as a leaf
    else
      runs.push_back({next->first, 1});
    given_back.erase(next);
  }
  return runs;
}

void transaction::write(std::span<const leaf_run> runs, std::span<const std::uint8_t> content) {
  for (const auto& run : runs)
    for (auto leaf = run.first; leaf < run.end(); ++leaf) {
      const auto piece = content.first(std::min<std::size_t>(block_bytes, content.size()));
      content = content.subspan(piece.size());
      const auto again = bases.find(leaf);
      blocks.push_back(
          {{leaf, again == bases.end() ? 0 : again->second}, block_kind::data, {piece.begin(), piece.end()}});
    }
}

void transaction::protect(std::size_t first, std::string_view path, std::optional<leaf_run> home) {
  const auto count = outer_code::parity_for(blocks.size() - first, outer);
  if (count > 0) protect(first, allocate(count, path, home));
}

void transaction::protect(std::size_t first, std::vector<leaf_run> runs) {
  if (runs.empty()) return;
  std::uint32_t count = 0;
  for (const auto& run : runs) count += run.count;
  auto contents = outer_code::encode(std::span{blocks}.subspan(first), count, block_bytes);
  auto next = contents.begin();
  for (const auto& run : runs)
    for (auto leaf = run.first; leaf < run.end(); ++leaf)
      blocks.push_back({{leaf, 0}, block_kind::parity, std::move(*next++)});
  changes.push_back(protect_blocks{std::move(runs)});
}

transaction partition::begin() const {
  if (const auto lines = damage(); !lines.empty())
    throw partition_error{fmt::format("only a partition that was read whole can be written to: {}", lines.front())};
  const auto& g = description_.geometry;
  transaction commit{tree_, used_leaves(), g.block_bytes(), g.outer, {}, {}, tree_.given_back(), {}};
  commit.leaves.own(journal_home());
  for (const auto& node : tree_.nodes())
    if (const auto home = home_of(node.blocks)) commit.leaves.own(*home);
  return commit;
}

/// Leaves that were written, and those that something written points to.
leaf_allocation partition::used_leaves() const {
  leaf_allocation used{addresses_};
  used.take(0);
  if (!description_.geometry.avoid.empty()) {
    const strand_layout layout{description_};
    for (std::uint32_t leaf = 0; leaf < layout.geometry().leaves(); ++leaf)
      if (address_has_motif(layout, leaf)) used.take(leaf);
  }
  // What a last patch names is kept for its block as long as that is part of a file.
  std::set<std::uint32_t> alive;
  for (const auto& node : tree_.nodes())
    for (const auto& part : node.blocks) alive.insert(part.leaf);
  for (const auto& [id, one] : blocks_) {
    used.take(id.leaf);
    const auto change = one.kind == block_kind::patch ? decode_patch(one.content) : std::nullopt;
    if (change && change->successor && alive.contains(id.leaf) && *change->successor < description_.geometry.leaves())
      used.take(*change->successor);
  }
  if (description_.geometry.outer > 0) used.take(1);
  for (const auto leaf : {end_.next, end_.next_mirror})
    if (leaf < description_.geometry.leaves()) used.take(leaf);
  return used;
}

std::uint32_t partition::free_leaves() const {
  return used_leaves().free() + static_cast<std::uint32_t>(tree_.given_back().size());
}

std::vector<block> partition::put(std::span<const new_file> given) try {
  if (given.empty()) return {};
  auto commit = begin();
  const auto& g = description_.geometry;
  std::uint64_t blocks = 0, together = 0;
  auto files = std::vector<new_file>{given.begin(), given.end()};
  for (auto& file : files)
    if (file.compress) file.content = compress(file.content);
  for (const auto& file : files) {
    if (file.content.size() / commit.block_bytes > 2 * std::size_t{g.leaves()}) {
      blocks += 2 * std::size_t{g.leaves()};
      continue;
    }
    const auto count = commit.leaves_for(file.content.size());
    blocks += count;
    if (count > 0 && count <= g.leaves()) together += subtree_leaves(count);
  }
  const auto free = commit.leaves.free() + commit.given_back.size();
  if (blocks > free)
    throw partition_error{
        fmt::format("the partition is full: \"{}\"{} needs {} leaves of {} bytes, {} are free; put it into another one "
                    "with primers of its own",
                    files[0].path, files.size() > 1 ? fmt::format(" and {} more", files.size() - 1) : "", blocks,
                    g.block_bytes(), free)};
  std::optional<leaf_run> room;
  if (files.size() > 1 && together > 0 && together <= g.leaves())
    room = commit.leaves.room(static_cast<std::uint32_t>(together));
  for (const auto& file : files) put_one(commit, file, room ? room : home_of(commit.tree, file.path));
  return finish(std::move(commit));
} catch (const journal_error& error) {
  throw partition_error{error.what()};
}

void partition::put_one(transaction& commit, const new_file& file, std::optional<leaf_run> near) {
  const auto names = path_names(file.path);
  const auto step = [&](operation one) {
    commit.tree.apply({one});
    commit.changes.push_back(std::move(one));
  };
  node_id directory = 0;
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    if (!commit.tree.child(directory, names[i])) step(make_directory{directory, names[i]});
    const auto next = *commit.tree.child(directory, names[i]);
    if (!commit.tree.node(next).directory)
      throw partition_error{fmt::format("\"{}\": \"{}\" is a file, not a directory", file.path, names[i])};
    directory = next;
  }
  if (commit.tree.child(directory, names.back()))
    throw partition_error{
        fmt::format("\"{}\" is there already: change it with update, or choose another name", file.path)};
  const auto count = commit.blocks_for(file.content.size()), all = commit.leaves_for(file.content.size());
  const auto place = addresses_.shape().place_of(file.path);
  std::vector<leaf_run> runs, parity;
  if (commit.given_back.empty() || all + commit.fresh_kept() <= commit.leaves.free()) {
    // Side by side, so that one primer brings both.
    runs = commit.allocate(all, file.path, place, near);
    parity = split_off(runs, count);
  } else {
    parity = commit.allocate(all - count, file.path, place, near);
    runs = commit.allocate_blocks(count, file.path, place, near);
  }
  const auto first = commit.blocks.size();
  commit.write(runs, file.content);
  step(put_file{directory, names.back(), file.content.size(), checksum(file.content), runs, file.compress});
  if (const auto home = home_of(commit.tree.nodes().back().blocks)) commit.leaves.own(*home);
  commit.protect(first, std::move(parity));
}

std::vector<block> partition::update(std::string_view path, std::span<const std::uint8_t> given) try {
  const auto file = file_at(tree_, path);
  const auto frame = file.compressed ? compress(given) : byte_string{};
  const auto content = file.compressed ? std::span<const std::uint8_t>{frame} : given;
  auto commit = begin();
  std::vector<byte_string> old;
  byte_string whole;
  for (const auto& part : file.blocks) {
    old.push_back(content_of(part, nullptr).value());
    whole.insert(whole.end(), old.back().begin(), old.back().end());
  }
  if (std::equal(whole.begin(), whole.end(), content.begin(), content.end())) return {};
  if (content.size() > std::size_t{description_.geometry.leaves()} * commit.block_bytes)
    throw partition_error{fmt::format("\"{}\": {} bytes are more than a partition of {} leaves can hold", path,
                                      content.size(), description_.geometry.leaves())};
  update_file update{*tree_.find(path), content.size(), checksum(content), {}, {}};
  plan_update(commit, *this, file, home_of(file.blocks), update, old, content, path);
  commit.changes.push_back(std::move(update));
  // In the order in which the journal tells them, since parity depends on it: patches, then what is spliced in.
  std::stable_partition(commit.blocks.begin(), commit.blocks.end(),
                        [](const auto& one) { return one.kind == block_kind::patch; });
  commit.protect(0, path, home_of(file.blocks));
  return finish(std::move(commit));
} catch (const journal_error& error) {
  throw partition_error{error.what()};
}

void partition::remove(std::string_view path) const {
  throw partition_error{
      fmt::format("\"{}\" cannot be removed: DNA cannot be erased in place, and every earlier version stays readable; "
                  "to be rid of it, put "
                  "what you want to keep into a new partition and leave this one out of the next synthesis",
                  path)};
}

/// Records the commit in the journal, and keeps it.
std::vector<block> partition::finish(transaction commit) {
  auto tree = tree_;
  tree.apply(commit.changes);
  const auto recorded = encode(commit.changes);
  auto rest = byte_string(journal_.empty() ? 1 : 0, journal_format);
  rest.insert(rest.end(), recorded.begin(), recorded.end());

  auto end = end_;
  auto journal = journal_;
  auto written = journal.empty() ? 0 : journal.back().end;
  const bool mirrored = description_.geometry.outer > 0;
  if (mirrored) end.mirror = journal.empty() ? 1 : end.mirror;
  const auto home = journal_home();
  for (std::span<const std::uint8_t> left{rest}; !left.empty(); ++end.slot) {
    if (end.slot == description_.geometry.versions()) {
      if (end.next == 0)
        throw partition_error{
            "the partition is full: no leaf is left to record the change in; start another one with primers of its "
            "own"};
      end = {end.next, 0, 0, end.next_mirror, 0};
    }
    block one{{end.leaf, end.slot}, block_kind::journal, {}};
    if (end.slot == 0) {
      if (const auto next = commit.leaves.allocate(1, home)) end.next = next->front().first;
      one.content = {static_cast<std::uint8_t>(end.next), static_cast<std::uint8_t>(end.next >> 8)};
      if (mirrored) {
        if (const auto next = commit.leaves.allocate(1, home)) end.next_mirror = next->front().first;
        if (end.next_mirror == 0) end.next = 0, one.content = {0, 0};
        one.content.push_back(static_cast<std::uint8_t>(end.next_mirror));
        one.content.push_back(static_cast<std::uint8_t>(end.next_mirror >> 8));
      }
    }
    const auto piece = left.first(std::min(left.size(), commit.block_bytes - one.content.size()));
    one.content.insert(one.content.end(), piece.begin(), piece.end());
    left = left.subspan(piece.size());
    written += piece.size();
    journal.push_back({one.id, mirrored ? std::optional<block_id>{{end.mirror, end.slot}} : std::nullopt, written});
    commit.blocks.push_back(one);
    if (!mirrored) continue;
    one.id = *journal.back().mirror;
    commit.blocks.push_back(std::move(one));
  }
  for (const auto& one : commit.blocks) blocks_.emplace(one.id, one);
  tree_ = std::move(tree);
  commits_.push_back(std::move(commit.changes));
  end_ = end;
  journal_ = std::move(journal);
  return std::move(commit.blocks);
}

std::vector<std::uint32_t> partition::leaves_of(std::string_view path) const {
  std::set<std::uint32_t> leaves;
  if (path == "/") {
    for (const auto& part : journal_) {
      leaves.insert(part.id.leaf);
      if (part.mirror) leaves.insert(part.mirror->leaf);
    }
  } else {
    for (const auto& commit : history(path))
      for (const auto& change : commit.changes)
        for (const auto& id : change.blocks) leaves.insert(id.leaf);
  }
  return {leaves.begin(), leaves.end()};
}

std::vector<subtree> partition::prefixes(std::span<const std::uint32_t> leaves) const {
  std::vector<std::uint32_t> wanted(addresses_.leaves() + 1), others(addresses_.leaves() + 1);
  for (const auto leaf : leaves) wanted.at(leaf + 1) = 1;
  for (const auto& [id, one] : blocks_)
    if (!wanted[id.leaf + 1]) others[id.leaf + 1] = 1;
  for (std::uint32_t i = 0; i < addresses_.leaves(); ++i) wanted[i + 1] += wanted[i], others[i + 1] += others[i];
  const auto count = [](const auto& up_to, const leaf_run& run) { return up_to[run.end()] - up_to[run.first]; };
  std::vector<subtree> found;
  const auto& nodes = addresses_.nodes();
  std::vector<std::uint32_t> open{0};
  while (!open.empty()) {
    const auto& node = nodes[open.back()];
    open.pop_back();
    if (count(wanted, node.leaves) == 0) continue;
    if (count(others, node.leaves) == 0)
      found.push_back({node.leaves.first, node.level});
    else
      for (auto i = node.children; i-- > 0;) open.push_back(node.first_child + i);
  }
  return found;
}

}  // namespace chromatin::dna
