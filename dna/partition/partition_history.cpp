// What commits wrote: history, what is missing of it, and the leaves that bring it.

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "dna/blocks/outer_code.hpp"
#include "dna/partition/partition.hpp"

namespace chromatin::dna {
namespace {

/// What an operation wrote, given the tree before it.
change change_of(const directory_tree& before, const directory_tree& after, node_id next, const operation& one) {
  change found;
  const auto add_runs = [&](const std::vector<leaf_run>& runs) {
    for (const auto& run : runs)
      for (auto leaf = run.first; leaf < run.end(); ++leaf) {
        const auto again = before.given_back().find(leaf);
        found.blocks.push_back({leaf, again == before.given_back().end() ? 0 : again->second});
      }
  };
  if (std::holds_alternative<make_directory>(one)) {
    found.action = "directory";
    found.path = after.path(next);
  } else if (const auto* put = std::get_if<put_file>(&one)) {
    found.action = "put";
    found.path = after.path(next);
    found.size_bytes = put->size_bytes;
    add_runs(put->runs);
  } else if (const auto* update = std::get_if<update_file>(&one)) {
    found.action = "update";
    found.path = after.path(update->file);
    found.size_bytes = update->size_bytes;
    const auto& blocks = before.node(update->file).blocks;
    for (const auto number : update->patched) found.blocks.push_back({blocks[number].leaf, blocks[number].last + 1});
    for (const auto& splice : update->splices) add_runs(splice.runs);
  }
  return found;
}

}  // namespace

/// Blocks that were not decoded, and what decodes them, which costs some milliseconds to make.
struct partition::read_in_part {
  read_in_part(const partition_description& description, std::span<const partial_block> parts)
      : layout{description}, codec{layout} {
    for (const auto& one : parts) by_id.emplace(one.id, &one);
  }
  strand_layout layout;
  block_codec codec;
  std::map<block_id, const partial_block*> by_id;
};

void partition::restore(std::span<const partial_block> parts) {
  const auto own = parts.empty() ? nullptr : std::make_unique<const read_in_part>(description_, parts);
  for (const auto& [name, one] : journals_) restore(one, own.get());
}

/// Makes up for missing blocks from the parity of the operations that wrote them.
void partition::restore(const ledger& of, const read_in_part* parts) {
  directory_tree tree{description_.geometry};
  for (const auto& commit : of.commits()) {
    const auto before = tree;
    auto next = static_cast<node_id>(tree.nodes().size());
    tree.apply(commit);
    change last;
    for (const auto& one : commit.changes) {
      if (std::holds_alternative<own_leaves>(one)) continue;
      const auto* protect = std::get_if<protect_blocks>(&one);
      if (!protect) {
        last = change_of(before, tree, next, one);
        next += !std::holds_alternative<update_file>(one);
        continue;
      }
      std::vector<block_id> parity;
      for (const auto& run : protect->runs)
        for (auto leaf = run.first; leaf < run.end(); ++leaf) parity.push_back({leaf, 0});
      if (parts) complete(*parts, last.blocks, parity);
      std::vector<const block*> members, checks;
      for (const auto& id : last.blocks) members.push_back(block_at(id, false));
      for (const auto& id : parity) checks.push_back(block_at(id, true));
      keep_restored(outer_code::restore(last.blocks, members, checks, description_.geometry.block_bytes()));
    }
  }
}

/// Blocks that were read in part, among those that were written together.
void partition::complete(const read_in_part& parts, std::span<const block_id> members,
                         std::span<const block_id> parity) {
  const auto places = [&](std::span<const block_id> ids, bool are_parity) {
    std::vector<outer_code::place> made;
    for (const auto& id : ids) {
      const auto part = blocks_.contains(id) ? parts.by_id.end() : parts.by_id.find(id);
      made.push_back({id, block_at(id, are_parity), part == parts.by_id.end() ? nullptr : part->second});
    }
    return made;
  };
  keep_restored(outer_code::complete(parts.codec, places(members, false), places(parity, true)));
}

void partition::keep_restored(std::vector<block> found) {
  for (auto& one : found) {
    restored_.push_back(one.id);
    blocks_.insert_or_assign(one.id, std::move(one));
  }
}

const block* partition::block_at(const block_id& id, bool parity) const {
  const auto found = blocks_.find(id);
  return found != blocks_.end() && (found->second.kind == block_kind::parity) == parity ? &found->second : nullptr;
}

/// Commits of one journal that changed the path, beside those of others.
void partition::add_history(const ledger& of, std::string_view path, std::map<std::uint32_t, commit_info>& into) const {
  const auto id = of.tree().find(path);
  if (!id) return;
  directory_tree tree{description_.geometry};
  for (std::size_t place = 0; place < of.commits().size(); ++place) {
    const auto& commit = of.commits()[place];
    auto next = static_cast<node_id>(tree.nodes().size());
    commit_info info{commit.number, {}, {}};
    const auto before = tree;
    tree.apply(commit);
    bool shown = false;  // the operation before
    for (const auto& one : commit.changes) {
      if (std::holds_alternative<own_leaves>(one)) continue;
      const auto* update = std::get_if<update_file>(&one);
      if (const auto* protect = std::get_if<protect_blocks>(&one)) {
        // Parity belongs to what it protects.
        if (shown)
          for (const auto& run : protect->runs)
            for (auto leaf = run.first; leaf < run.end(); ++leaf) info.changes.back().blocks.push_back({leaf, 0});
        continue;
      }
      const auto touched = update ? update->file : next;
      // A directory's own journal tells of it.
      const bool told =
          !of.of_directory() && !tree.node(touched).own.empty() && journals_.contains(tree.node(touched).name);
      shown = tree.below(touched, *id) && !told;
      if (shown) info.changes.push_back(change_of(before, tree, next, one));
      if (!update) ++next;
    }
    if (info.changes.empty()) continue;
    info.journal = of.blocks_of(place);
    into.emplace(info.number, std::move(info));
  }
}

std::vector<commit_info> partition::history(std::string_view path) const {
  if (!find(path)) throw partition_error{fmt::format("there is no \"{}\" in this partition", path)};
  std::map<std::uint32_t, commit_info> found;
  if (!path.empty()) add_history(journal_of(path), path, found);
  if (path.empty())
    for (const auto& [name, one] : journals_) add_history(one, path, found);
  std::vector<commit_info> all;
  for (auto& [number, one] : found) all.push_back(std::move(one));
  return all;
}

std::set<block_id> partition::written() const {
  std::set<block_id> known;
  for (const auto& [name, one] : journals_) known.merge(one.blocks());
  for (const auto& commit : history())
    for (const auto& change : commit.changes) known.insert(change.blocks.begin(), change.blocks.end());
  return known;
}

std::vector<block_id> partition::strays() const {
  const auto known = written();
  std::vector<block_id> found;
  for (const auto& [id, one] : blocks_)
    if (!known.contains(id)) found.push_back(id);
  return found;
}

std::vector<std::string> partition::journal_damage() const {
  std::vector<std::string> lines;
  for (const auto& [name, one] : journals_)
    for (const auto& line : one.damage()) lines.push_back(name.empty() ? line : fmt::format("\"{}\": {}", name, line));
  for (const auto& node : journals_.find("")->second.tree().nodes())
    if (!node.own.empty() && !journals_.contains(node.name))
      lines.push_back(fmt::format("\"{}\": its journal was not read", node.name));
  lines.insert(lines.end(), unclaimed_.begin(), unclaimed_.end());
  return lines;
}

std::vector<std::string> partition::damage() const {
  auto lines = journal_damage();
  std::map<std::string, std::vector<block_id>> missing;
  for (const auto& commit : history())
    for (const auto& change : commit.changes)
      for (const auto& id : change.blocks)
        if (!blocks_.contains(id)) missing[change.path].push_back(id);
  for (const auto& [path, ids] : missing)
    lines.push_back(fmt::format("\"{}\": {} blocks were not read: {}", path, ids.size(), text_of(ids)));
  auto stray = strays();
  std::erase_if(stray, [&](const auto& id) { return is_of_journal(blocks_.at(id).kind); });
  if (!stray.empty())
    lines.push_back(fmt::format("{} blocks are in no file that the journal knows: {}", stray.size(), text_of(stray)));
  return lines;
}

std::vector<std::uint32_t> partition::leaves_of(std::string_view path) const {
  std::set<std::uint32_t> leaves;
  if (path == "/") {
    for (const auto& id : journals_.find("")->second.blocks()) leaves.insert(id.leaf);
    return {leaves.begin(), leaves.end()};
  }
  for (const auto& commit : history(path))
    for (const auto& change : commit.changes)
      for (const auto& id : change.blocks) leaves.insert(id.leaf);
  for (const auto& [name, one] : journals_) {
    if (!one.of_directory() || (!path.empty() && &one != &journal_of(path))) continue;
    for (const auto& id : one.blocks()) leaves.insert(id.leaf);
    for (const auto leaf : one.reserved()) leaves.insert(leaf);
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
