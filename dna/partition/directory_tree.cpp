#include "dna/partition/directory_tree.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace chromatin::dna {
namespace {

void check_name(std::string_view name, std::string_view path) {
  const auto refuse = [&](std::string_view why) { throw journal_error{fmt::format("path \"{}\": {}", path, why)}; };
  if (name.empty())
    refuse("a name is empty; write it as directory/file, from the partition's root, without a / at the ends");
  if (name == "." || name == "..")
    refuse("it leaves the partition; write it from the partition's root, without . and ..");
  if (name.size() > 255) refuse("a name is longer than 255 bytes");
  // Otherwise any bytes: they are the file system's business, and shown as UTF-8 where they are shown.
  if (name.find('\0') != name.npos) refuse("a name has a zero byte");
}

}  // namespace

std::vector<std::string> path_names(std::string_view path) {
  std::vector<std::string> names;
  for (auto rest = path;;) {
    const auto slash = rest.find('/');
    check_name(rest.substr(0, slash), path);
    names.emplace_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) return names;
    rest.remove_prefix(slash + 1);
  }
}

void directory_tree::apply(const recorded_commit& commit) {
  last_commit_ = commit.number;
  for (const auto& one : commit.changes) apply(one);
}

void directory_tree::add(tree_node node) {
  if (node.parent >= nodes_.size() || !nodes_[node.parent].directory)
    throw journal_error{fmt::format("journal: commit {} puts \"{}\" where no directory is", last_commit_, node.name)};
  if (node.name.find('/') != std::string::npos)
    throw journal_error{fmt::format("journal: commit {} has a name with a /", last_commit_)};
  check_name(node.name, node.name);
  if (child(node.parent, node.name))
    throw journal_error{fmt::format("journal: commit {} puts \"{}\" twice", last_commit_, node.name)};
  node.commit = last_commit_;
  nodes_.push_back(std::move(node));
}

void directory_tree::check(const std::vector<leaf_run>& runs) const {
  std::uint64_t leaves = 0;
  for (const auto& run : runs) {
    if (run.first >= leaves_ || run.count > leaves_ - run.first)
      throw journal_error{fmt::format("journal: commit {} names leaf {}, of {}", last_commit_, run.end() - 1, leaves_)};
    leaves += run.count;
  }
  if (leaves > leaves_) throw journal_error{fmt::format("journal: commit {} names leaves twice", last_commit_)};
}

std::vector<file_block> directory_tree::take(const std::vector<leaf_run>& runs) {
  check(runs);
  std::vector<file_block> blocks;
  for (const auto& run : runs)
    for (auto leaf = run.first; leaf < run.end(); ++leaf) {
      const auto found = given_back_.find(leaf);
      const auto base = found == given_back_.end() ? 0 : found->second;
      if (found != given_back_.end()) given_back_.erase(found);
      blocks.push_back({leaf, base, base});
    }
  return blocks;
}

void directory_tree::give_back(const file_block& block) {
  if (block.last + 2 < slots_) given_back_[block.leaf] = block.last + 1;
}

void directory_tree::apply_one(const make_directory& made) {
  add({made.parent, made.name, true, 0, 0, 0, false, {}, {}});
}

void directory_tree::apply_one(const put_file& put) {
  add({put.parent, put.name, false, put.size_bytes, put.checksum, 0, put.compressed, take(put.runs), {}});
}

void directory_tree::apply_one(const update_file& update) {
  if (update.file >= nodes_.size() || nodes_[update.file].directory)
    throw journal_error{fmt::format("journal: commit {} updates what is no file", last_commit_)};
  auto& file = nodes_[update.file];
  for (const auto number : update.patched) {
    if (number >= file.blocks.size() || ++file.blocks[number].last >= slots_)
      throw journal_error{fmt::format("journal: commit {} patches a block that cannot be patched", last_commit_)};
  }
  std::vector<file_block> blocks, removed;
  std::size_t kept = 0;
  const auto keep_until = [&](std::size_t end) {
    if (end < kept || end > file.blocks.size())
      throw journal_error{fmt::format("journal: commit {} replaces blocks that are not there", last_commit_)};
    blocks.insert(blocks.end(), file.blocks.begin() + static_cast<std::ptrdiff_t>(kept),
                  file.blocks.begin() + static_cast<std::ptrdiff_t>(end));
    kept = end;
  };
  for (const auto& splice : update.splices) {
    keep_until(splice.at);
    if (splice.removed > file.blocks.size() - kept)
      throw journal_error{fmt::format("journal: commit {} replaces blocks that are not there", last_commit_)};
    const auto gone = file.blocks.begin() + static_cast<std::ptrdiff_t>(kept);
    removed.insert(removed.end(), gone, gone + splice.removed);
    kept += splice.removed;
    const auto added = take(splice.runs);
    blocks.insert(blocks.end(), added.begin(), added.end());
  }
  keep_until(file.blocks.size());
  file.blocks = std::move(blocks);
  // Only now: what a commit gives back is for later ones.
  for (const auto& one : removed) give_back(one);
  file.size_bytes = update.size_bytes;
  file.checksum = update.checksum;
  file.commit = last_commit_;
}

void directory_tree::apply_one(const protect_blocks& protect) { check(protect.runs); }

void directory_tree::apply_one(const own_leaves& own) {
  if (own.directory >= nodes_.size() || !nodes_[own.directory].directory)
    throw journal_error{fmt::format("journal: commit {} gives leaves to what is no directory", last_commit_)};
  check({own.run});
  nodes_[own.directory].own.push_back(own.run);
}

std::string directory_tree::path(node_id id) const {
  std::string path;
  for (; id != 0; id = nodes_[id].parent) path = path.empty() ? nodes_[id].name : nodes_[id].name + "/" + path;
  return path;
}

std::optional<node_id> directory_tree::child(node_id directory, std::string_view name) const {
  for (node_id id = 1; id < nodes_.size(); ++id)
    if (nodes_[id].parent == directory && nodes_[id].name == name) return id;
  return {};
}

std::optional<node_id> directory_tree::find(std::string_view path) const {
  node_id id = 0;
  if (path.empty()) return id;
  for (const auto& name : path_names(path)) {
    const auto next = child(id, name);
    if (!next) return {};
    id = *next;
  }
  return id;
}

bool directory_tree::below(node_id id, node_id directory) const {
  while (id != directory && id != 0) id = nodes_[id].parent;
  return id == directory;
}

}  // namespace chromatin::dna
