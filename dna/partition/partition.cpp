// The reading side of a partition; partition_write.cpp is the other.

#include "dna/partition/partition.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "dna/blocks/checksum.hpp"
#include "dna/blocks/outer_code.hpp"
#include "dna/partition/compression.hpp"
#include "dna/partition/patch.hpp"

namespace chromatin::dna {
namespace {

std::string text_of(const block_id& id) { return fmt::format("leaf {} version {}", id.leaf, id.version); }

std::string text_of(const std::vector<block_id>& ids) {
  constexpr std::size_t shown = 4;
  std::string text;
  for (std::size_t i = 0; i < ids.size() && i < shown; ++i) text += (i > 0 ? ", " : "") + text_of(ids[i]);
  return ids.size() > shown ? fmt::format("{} and {} more", text, ids.size() - shown) : text;
}

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

partition::partition(partition_description description, std::vector<block> blocks)
    : description_{describe(description.geometry, description.primers, description.seed)},
      addresses_{description_.geometry.index, description_.geometry.levels, description_.seed},
      tree_{description_.geometry} {
  for (auto& one : blocks) {
    const auto id = one.id;
    blocks_.emplace(id, std::move(one));
  }
  read_journal();
  if (description_.geometry.outer > 0) restore();
}

/// Makes up for missing blocks from the parity of the operations that wrote them.
void partition::restore() {
  directory_tree tree{description_.geometry};
  for (const auto& commit : commits_) {
    const auto before = tree;
    auto next = static_cast<node_id>(tree.nodes().size());
    tree.apply(commit);
    change last;
    for (const auto& one : commit) {
      const auto* protect = std::get_if<protect_blocks>(&one);
      if (!protect) {
        last = change_of(before, tree, next, one);
        next += !std::holds_alternative<update_file>(one);
        continue;
      }
      const auto find = [&](const block_id& id, bool parity) -> const block* {
        const auto found = blocks_.find(id);
        return found != blocks_.end() && (found->second.kind == block_kind::parity) == parity ? &found->second
                                                                                              : nullptr;
      };
      std::vector<const block*> members, checks;
      for (const auto& id : last.blocks) members.push_back(find(id, false));
      for (const auto& run : protect->runs)
        for (auto leaf = run.first; leaf < run.end(); ++leaf) checks.push_back(find({leaf, 0}, true));
      auto made = outer_code::restore(last.blocks, members, checks, description_.geometry.block_bytes());
      for (auto& found : made) {
        restored_.push_back(found.id);
        blocks_.insert_or_assign(found.id, std::move(found));
      }
    }
  }
}

/// The next block of the journal, out of its second copy where the first is missing; null where there is neither.
const block* partition::journal_block() {
  const auto find = [&](std::uint32_t leaf) -> const block* {
    const auto found = blocks_.find({leaf, end_.slot});
    return found != blocks_.end() && found->second.kind == block_kind::journal ? &found->second : nullptr;
  };
  if (const auto* first = find(end_.leaf)) return first;
  const auto* second = end_.mirror != 0 ? find(end_.mirror) : nullptr;
  if (!second) return nullptr;
  auto copy = *second;
  copy.id = {end_.leaf, end_.slot};
  restored_.push_back(copy.id);
  return &blocks_.insert_or_assign(copy.id, std::move(copy)).first->second;
}

void partition::read_journal() {
  std::set<std::uint32_t> visited;
  byte_string stream;
  const auto slots = description_.geometry.versions();
  const bool mirrored = description_.geometry.outer > 0;
  const std::size_t header_bytes = mirrored ? 4 : 2;
  end_.mirror = mirrored ? 1 : 0;
  for (bool more = true; more;) {
    visited.insert(end_.leaf);
    for (end_.slot = 0; end_.slot < slots; ++end_.slot) {
      const auto* found = journal_block();
      if (!found) break;
      auto rest = std::span{found->content};
      if (end_.slot == 0) {
        if (rest.size() < header_bytes) break;
        end_.next = static_cast<std::uint32_t>(rest[0] | rest[1] << 8);
        if (mirrored) end_.next_mirror = static_cast<std::uint32_t>(rest[2] | rest[3] << 8);
        rest = rest.subspan(header_bytes);
      }
      stream.insert(stream.end(), rest.begin(), rest.end());
      const auto mirror = mirrored ? std::optional<block_id>{{end_.mirror, end_.slot}} : std::nullopt;
      journal_.push_back({found->id, mirror, stream.size()});
    }
    more = end_.slot == slots && end_.next != 0 && !visited.contains(end_.next) &&
           (blocks_.contains({end_.next, 0}) || (mirrored && blocks_.contains({end_.next_mirror, 0})));
    if (more) end_ = {end_.next, 0, 0, end_.next_mirror, 0};
  }
  std::set<block_id> known;
  for (const auto& part : journal_) {
    known.insert(part.id);
    if (part.mirror) known.insert(*part.mirror);
  }
  const bool later = std::any_of(blocks_.begin(), blocks_.end(), [&](const auto& one) {
    return one.second.kind == block_kind::journal && !known.contains(one.first);
  });
  if (later || (journal_.empty() && !blocks_.empty()))
    journal_damage_.push_back(fmt::format("the journal ends before {}, which was not read: later commits are not known",
                                          text_of(block_id{end_.leaf, end_.slot})));
  if (stream.empty()) return;
  try {
    if (stream[0] != journal_format)
      throw journal_error{
          fmt::format("journal: format {}, not {}: written by a newer version?", stream[0], journal_format)};
    std::size_t length = 1;
    for (auto& commit : decode_journal(std::span{stream}.subspan(1))) {
      auto next = tree_;
      next.apply(commit);
      length += encode(commit).size();
      tree_ = std::move(next);
      commits_.push_back(std::move(commit));
    }
    if (length != stream.size() && journal_damage_.empty())
      journal_damage_.push_back(fmt::format("the journal's last commit is incomplete: {} was not read",
                                            text_of(block_id{end_.leaf, end_.slot})));
  } catch (const journal_error& error) {
    journal_damage_.push_back(error.what());
  }
}

directory_tree partition::tree_at(std::optional<std::uint32_t> commit) const {
  if (!commit || *commit == last_commit()) return tree_;
  if (*commit > last_commit())
    throw partition_error{fmt::format("there is no commit {}: the last one is {}", *commit, last_commit())};
  directory_tree tree{description_.geometry};
  for (std::uint32_t i = 0; i < *commit; ++i) tree.apply(commits_[i]);
  return tree;
}

std::vector<entry> partition::list(std::optional<std::uint32_t> commit) const {
  const auto tree = tree_at(commit);
  std::vector<entry> all;
  for (node_id id = 1; id < tree.nodes().size(); ++id) {
    const auto& node = tree.node(id);
    all.push_back({tree.path(id), node.directory, node.size_bytes, node.commit, node.blocks, node.compressed});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return all;
}

std::optional<entry> partition::find(std::string_view path, std::optional<std::uint32_t> commit) const try {
  const auto tree = tree_at(commit);
  const auto id = tree.find(path);
  if (!id) return {};
  const auto& node = tree.node(*id);
  return entry{tree.path(*id), node.directory, node.size_bytes, node.commit, node.blocks, node.compressed};
} catch (const journal_error& error) {
  throw partition_error{error.what()};
}

std::vector<block_id> partition::journal_of(std::uint32_t commit) const {
  std::size_t from = commit == 1 ? 0 : 1;
  for (std::uint32_t i = 0; i + 1 < commit; ++i) from += encode(commits_[i]).size();
  const auto to = commit == 1 ? 1 + encode(commits_[0]).size() : from + encode(commits_[commit - 1]).size();
  std::vector<block_id> ids;
  std::size_t begin = 0;
  for (const auto& part : journal_) {
    if (begin < to && part.end > from) ids.push_back(part.id);
    begin = part.end;
  }
  return ids;
}

std::vector<commit_info> partition::history(std::string_view path) const {
  const auto wanted = find(path);
  const auto id = wanted ? tree_.find(path) : std::nullopt;
  if (!id) throw partition_error{fmt::format("there is no \"{}\" in this partition", path)};
  std::vector<commit_info> found;
  directory_tree tree{description_.geometry};
  for (const auto& commit : commits_) {
    auto next = static_cast<node_id>(tree.nodes().size());
    commit_info info{tree.commits() + 1, {}, {}};
    const auto before = tree;
    tree.apply(commit);
    bool shown = false;  // the operation before
    for (const auto& one : commit) {
      const auto* update = std::get_if<update_file>(&one);
      if (const auto* protect = std::get_if<protect_blocks>(&one)) {
        // Parity belongs to what it protects.
        if (shown)
          for (const auto& run : protect->runs)
            for (auto leaf = run.first; leaf < run.end(); ++leaf) info.changes.back().blocks.push_back({leaf, 0});
        continue;
      }
      const auto touched = update ? update->file : next;
      shown = tree.below(touched, *id);
      if (shown) info.changes.push_back(change_of(before, tree, next, one));
      if (!update) ++next;
    }
    if (info.changes.empty()) continue;
    info.journal = journal_of(info.number);
    found.push_back(std::move(info));
  }
  return found;
}

const tree_node& partition::file_at(const directory_tree& tree, std::string_view path) const {
  const auto id = tree.find(path);
  if (!id) {
    const auto* hint = journal_damage_.empty() ? "ls shows what is there" : journal_damage_.front().c_str();
    throw partition_error{fmt::format("there is no \"{}\" in commit {}: {}", path, tree.commits(), hint)};
  }
  if (tree.node(*id).directory) throw partition_error{fmt::format("\"{}\" is a directory", path)};
  return tree.node(*id);
}

/// Nothing where a block is not there; where `missing` is given, every such block goes there.
std::optional<byte_string> partition::content_of(const file_block& part, std::vector<block_id>* missing) const {
  std::optional<byte_string> content;
  for (auto version = part.base; version <= part.last; ++version) {
    const block_id id{part.leaf, version};
    const auto found = blocks_.find(id);
    const auto kind = version == part.base ? block_kind::data : block_kind::patch;
    if (found == blocks_.end() || found->second.kind != kind) {
      if (missing) missing->push_back(id);
      content.reset();
    } else if (version == part.base) {
      content = found->second.content;
    } else if (content) {
      const auto change = decode_patch(found->second.content);
      if (!change || !apply(*change, *content)) content.reset();
    }
    if (!content && !missing) return {};
  }
  return content;
}

file_reading partition::get(std::string_view path, std::optional<std::uint32_t> commit) const try {
  const auto tree = tree_at(commit);
  const auto& file = file_at(tree, path);
  file_reading reading;
  byte_string content;
  bool whole = true;
  for (const auto& part : file.blocks) {
    const auto bytes = content_of(part, &reading.missing);
    whole = whole && bytes;
    if (bytes) content.insert(content.end(), bytes->begin(), bytes->end());
  }
  if (!reading.missing.empty())
    reading.reason = fmt::format("\"{}\": {} of its blocks were not read: {}", path, reading.missing.size(),
                                 text_of(reading.missing));
  else if (!whole || content.size() != file.size_bytes || checksum(content) != file.checksum)
    reading.reason =
        fmt::format("\"{}\": its blocks do not make up the {} bytes that the journal tells", path, file.size_bytes);
  else
    reading.content = std::move(content);
  if (!reading.content || !file.compressed) return reading;
  reading.content = decompress(*reading.content);
  if (!reading.content) reading.reason = fmt::format("\"{}\": it is said to be compressed, but is no zstd frame", path);
  return reading;
} catch (const journal_error& error) {
  throw partition_error{error.what()};
}

leaf_reading partition::leaf(std::uint32_t number) const {
  leaf_reading reading;
  const auto slots = description_.geometry.versions();
  const auto first = blocks_.find({number, 0});
  if (first == blocks_.end()) {
    reading.reason = fmt::format("{} was not read", text_of(block_id{number, 0}));
    return reading;
  }
  reading.content = first->second.content;
  if (first->second.kind != block_kind::data) return reading;
  for (std::uint32_t version = 1; version < slots; ++version) {
    const auto found = blocks_.find({number, version});
    if (found == blocks_.end()) {
      const auto later = blocks_.lower_bound({number, version});
      if (later != blocks_.end() && later->first.leaf == number)
        reading.reason = fmt::format("{} was not read, but a later one", text_of(block_id{number, version}));
      break;
    }
    if (found->second.kind == block_kind::data) {
      // The leaf was given back, and another block begins here.
      reading.content = found->second.content;
      reading.successor.reset();
      reading.last = version;
      continue;
    }
    const auto change = decode_patch(found->second.content);
    if (!change || !apply(*change, *reading.content)) {
      reading.reason = fmt::format("{} does not fit the block", text_of(block_id{number, version}));
      break;
    }
    reading.last = version;
    if (change->successor && (change->moved || blocks_.contains({*change->successor, 0})))
      reading.successor = change->successor;
  }
  return reading;
}

std::optional<block_id> partition::journal_next() const {
  if (end_.slot < description_.geometry.versions()) return block_id{end_.leaf, end_.slot};
  if (end_.next == 0) return {};
  return block_id{end_.next, 0};
}

std::set<block_id> partition::written() const {
  std::set<block_id> known;
  for (const auto& part : journal_) {
    known.insert(part.id);
    if (part.mirror) known.insert(*part.mirror);
  }
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

std::vector<std::string> partition::damage() const {
  auto lines = journal_damage_;
  std::map<std::string, std::vector<block_id>> missing;
  for (const auto& commit : history())
    for (const auto& change : commit.changes)
      for (const auto& id : change.blocks)
        if (!blocks_.contains(id)) missing[change.path].push_back(id);
  for (const auto& [path, ids] : missing)
    lines.push_back(fmt::format("\"{}\": {} blocks were not read: {}", path, ids.size(), text_of(ids)));
  auto stray = strays();
  std::erase_if(stray, [&](const auto& id) { return blocks_.at(id).kind == block_kind::journal; });
  if (!stray.empty())
    lines.push_back(fmt::format("{} blocks are in no file that the journal knows: {}", stray.size(), text_of(stray)));
  return lines;
}

}  // namespace chromatin::dna
