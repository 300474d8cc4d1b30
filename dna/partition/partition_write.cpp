// The writing side of a partition: what is put where.

#include <algorithm>

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

constexpr std::uint32_t directory_leaves_min = 16;

/// So many free leaves as few subtrees: one where there is one. Empty where there are not so many.
std::vector<leaf_run> subtrees_for(leaf_allocation free, std::uint64_t leaves) {
  std::vector<leaf_run> found;
  if (leaves > free.free()) return found;
  const auto size_for = [&] {
    return std::max(subtree_leaves(static_cast<std::uint32_t>(leaves)), directory_leaves_min);
  };
  for (auto size = size_for(); leaves > 0 && size >= directory_leaves_min;) {
    size = std::min(size, size_for());
    const auto room = free.room(size);
    if (!room) {
      size /= 4;
      continue;
    }
    free.take(*room);
    found.push_back(*room);
    leaves -= std::min<std::uint64_t>(leaves, room->count);
  }
  return leaves == 0 ? found : std::vector<leaf_run>{};
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

void partition::must_be_whole() {
  if (whole_) return;
  if (const auto lines = damage(); !lines.empty())
    throw partition_error{fmt::format("only a partition that was read whole can be written to: {}", lines.front())};
  whole_ = true;
}

/// `more`: leaves that the directory gets with this commit.
transaction partition::begin(const ledger& of, std::span<const leaf_run> more) const {
  const auto& g = description_.geometry;
  auto leaves = used_leaves();
  auto kept = std::max(4U, leaves.all() / 32);
  if (g.directory_journals) {
    auto own = of.own();
    own.insert(own.end(), more.begin(), more.end());
    leaves.keep(own);
    for (const auto leaf : of.reserved()) leaves.take(leaf);
    kept = 2;
  } else {
    leaves.own(journal_home(g));
  }
  transaction commit{of.tree(), std::move(leaves), g.block_bytes(), g.outer, kept, {}, {}, of.tree().given_back(), {}};
  for (const auto& node : of.tree().nodes())
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
  std::vector<bool> alive(description_.geometry.leaves());
  for (const auto& [name, one] : journals_)
    for (const auto& node : one.tree().nodes())
      for (const auto& part : node.blocks) alive[part.leaf] = true;
  for (const auto& [id, one] : blocks_) {
    used.take(id.leaf);
    const auto change = one.kind == block_kind::patch ? decode_patch(one.content) : std::nullopt;
    if (change && change->successor && alive[id.leaf] && *change->successor < description_.geometry.leaves())
      used.take(*change->successor);
  }
  if (description_.geometry.outer > 0) used.take(1);
  for (const auto& [name, one] : journals_)
    for (const auto leaf : one.reserved()) used.take(leaf);
  return used;
}

/// What no directory has, and the partition's journal may not need.
leaf_allocation partition::leaves_for_directories() const {
  auto leaves = used_leaves();
  for (const auto& [name, one] : journals_)
    for (const auto& run : one.own()) leaves.take(run);
  return leaves;
}

std::uint32_t partition::free_leaves() const {
  auto used = used_leaves();
  if (description_.geometry.directory_journals) used.take(journal_home(description_.geometry));
  auto free = used.free();
  for (const auto& [name, one] : journals_) free += static_cast<std::uint32_t>(one.tree().given_back().size());
  return free;
}

/// The top-level directory that files are put into; "" where directories have no journals of their own.
std::string partition::directory_for(std::span<const new_file> files) const {
  if (!description_.geometry.directory_journals) return {};
  const auto& first = files.front().path;
  for (const auto& file : files) {
    const auto names = path_names(file.path);
    if (names.size() < 2)
      throw partition_error{
          fmt::format("\"{}\": files of this partition stand in directories, which have journals of their own: call it "
                      "DIRECTORY/{}",
                      file.path, file.path)};
    if (names.front() != path_names(first).front())
      throw partition_error{
          fmt::format("\"{}\" and \"{}\": a commit of this partition is within one top-level directory, since each has "
                      "a journal of its own: put one directory after the other",
                      first, file.path)};
  }
  return path_names(first).front();
}

/// Tries with the leaves that a directory has, then with more. `leaves`: how many it will need about.
std::vector<block> partition::with_room(const std::string& directory, std::uint64_t leaves,
                                        const attempt_with& attempt) {
  if (!description_.geometry.directory_journals) return attempt({});
  const auto known = journals_.find(directory);
  if (known != journals_.end()) try {
      return attempt({});
    } catch (const partition_full&) {
      // It takes a further subtree.
    }
  const auto free = leaves_for_directories();
  std::uint64_t size = directory_leaves_min;
  if (known != journals_.end())
    for (const auto& run : known->second.own()) size = std::max<std::uint64_t>(size, run.count);
  // Room to grow by a quarter in place, where there is that much.
  std::vector<leaf_run> tried;
  for (size = std::max(size, leaves * 5 / 4);; size *= 4) {
    auto more = subtrees_for(free, size);
    if (more.empty()) more = subtrees_for(free, std::max<std::uint64_t>(leaves, directory_leaves_min));
    if (more.empty() || more == tried) break;
    tried = more;
    try {
      return attempt(more);
    } catch (const partition_full&) {
      // The next size.
    }
  }
  throw partition_full{
      fmt::format("the partition is full: \"{}\" needs {} more leaves of its own; put it into another one with primers "
                  "of its own",
                  directory, size)};
}

std::vector<block> partition::put(std::span<const new_file> given) try {
  if (given.empty()) return {};
  must_be_whole();
  auto files = std::vector<new_file>{given.begin(), given.end()};
  const auto directory = directory_for(files);
  std::uint64_t blocks = 0;
  for (auto& file : files) {
    if (file.compress) file.content = compress(file.content);
    blocks += file.content.size() / description_.geometry.block_bytes() + 1;
  }
  constexpr std::uint64_t journal_leaves = 2;
  return with_room(directory, blocks + journal_leaves,
                   [&](std::span<const leaf_run> more) { return put_files(directory, files, more); });
} catch (const journal_error& error) {
  throw partition_error{error.what()};
}

std::vector<block> partition::put_files(const std::string& directory, std::span<const new_file> files,
                                        std::span<const leaf_run> more) {
  const auto known = journals_.find(directory);
  const bool fresh = known == journals_.end();
  auto into = fresh ? ledger{description_.geometry, more.front().first} : known->second;
  auto commit = begin(into, more);
  if (fresh) commit.step(make_directory{0, directory});
  for (const auto& run : more) commit.step(own_leaves{1, run});
  const auto& g = description_.geometry;
  std::uint64_t blocks = 0, together = 0;
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
    throw partition_full{
        fmt::format("the partition is full: \"{}\"{} needs {} leaves of {} bytes, {} are free; put it into another one "
                    "with primers of its own",
                    files[0].path, files.size() > 1 ? fmt::format(" and {} more", files.size() - 1) : "", blocks,
                    g.block_bytes(), free)};
  std::optional<leaf_run> room;
  if (files.size() > 1 && together > 0 && together <= g.leaves())
    room = commit.leaves.room(static_cast<std::uint32_t>(together));
  for (const auto& file : files) put_one(commit, file, room ? room : home_of(commit.tree, file.path));
  return finish(std::move(commit), directory, std::move(into));
}

void partition::put_one(transaction& commit, const new_file& file, std::optional<leaf_run> near) {
  const auto names = path_names(file.path);
  node_id directory = 0;
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    if (!commit.tree.child(directory, names[i])) commit.step(make_directory{directory, names[i]});
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
  commit.step(put_file{directory, names.back(), file.content.size(), checksum(file.content), runs, file.compress});
  if (const auto home = home_of(commit.tree.nodes().back().blocks)) commit.leaves.own(*home);
  commit.protect(first, std::move(parity));
}

std::vector<block> partition::update(std::string_view path, std::span<const std::uint8_t> given) try {
  const auto& of = journal_of(path);
  const bool compressed = file_at(of.tree(), path).compressed;
  const auto frame = compressed ? compress(given) : byte_string{};
  const auto content = compressed ? std::span<const std::uint8_t>{frame} : given;
  must_be_whole();
  const auto directory = of.name();
  return with_room(directory, 0,
                   [&](std::span<const leaf_run> more) { return update_at(directory, path, content, more); });
} catch (const journal_error& error) {
  throw partition_error{error.what()};
}

std::vector<block> partition::update_at(const std::string& directory, std::string_view path,
                                        std::span<const std::uint8_t> content, std::span<const leaf_run> more) {
  auto into = journals_.find(directory)->second;
  const auto file = file_at(into.tree(), path);
  auto commit = begin(into, more);
  for (const auto& run : more) commit.step(own_leaves{1, run});
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
  update_file update{*into.tree().find(path), content.size(), checksum(content), {}, {}};
  plan_update(commit, *this, file, home_of(file.blocks), update, old, content, path);
  commit.changes.push_back(std::move(update));
  // In the order in which the journal tells them, since parity depends on it: patches, then what is spliced in.
  std::stable_partition(commit.blocks.begin(), commit.blocks.end(),
                        [](const auto& one) { return one.kind == block_kind::patch; });
  commit.protect(0, path, home_of(file.blocks));
  return finish(std::move(commit), directory, std::move(into));
}

void partition::remove(std::string_view path) const {
  throw partition_error{
      fmt::format("\"{}\" cannot be removed: DNA cannot be erased in place, and every earlier version stays readable; "
                  "to be rid of it, put "
                  "what you want to keep into a new partition and leave this one out of the next synthesis",
                  path)};
}

/// Records the commit in a copy of its journal, and keeps both.
std::vector<block> partition::finish(transaction commit, const std::string& directory, ledger into) {
  const auto& g = description_.geometry;
  const auto number = last_commit() + 1;
  const auto home = into.of_directory() ? commit.tree.node(1).own.back() : journal_home(g);
  auto records = into.record({number, commit.changes}, commit.leaves, home);
  std::optional<ledger> told;  // the partition's journal tells of a directory that is new
  if (!journals_.contains(directory)) {
    told = journals_.find("")->second;
    auto leaves = used_leaves();
    const leaf_run place[]{journal_home(g)};
    leaves.keep(place);
    const auto id = static_cast<node_id>(told->tree().nodes().size());
    const operations made{make_directory{0, directory}, own_leaves{id, commit.tree.node(1).own.front()}};
    for (auto& one : told->record({number, made}, leaves, journal_home(g))) records.push_back(std::move(one));
  }
  for (auto& one : records) commit.blocks.push_back(std::move(one));
  for (const auto& one : commit.blocks) blocks_.emplace(one.id, one);
  journals_.insert_or_assign(directory, std::move(into));
  if (told) journals_.insert_or_assign("", std::move(*told));
  return std::move(commit.blocks);
}

}  // namespace chromatin::dna
