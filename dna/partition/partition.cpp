// The reading side of a partition: journals, and what they say where to find. partition_write.cpp is the other side,
// partition_history.cpp has what commits wrote.

#include "dna/partition/partition.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "dna/blocks/checksum.hpp"
#include "dna/partition/compression.hpp"
#include "dna/partition/patch.hpp"

namespace chromatin::dna {

partition::partition(partition_description description, std::vector<block> blocks, std::span<const partial_block> parts)
    : description_{describe(description.geometry, description.primers, description.seed)},
      addresses_{description_.geometry.index, description_.geometry.levels, description_.seed} {
  for (auto& one : blocks) {
    const auto id = one.id;
    blocks_.emplace(id, std::move(one));
  }
  const auto& g = description_.geometry;
  journals_.emplace("", ledger{g, 0}).first->second.read(blocks_, restored_);
  if (g.directory_journals) read_directories();
  if (g.outer > 0) restore(parts);
}

/// Those that the partition's journal tells, and those that are seen to begin: that journal need not be there.
void partition::read_directories() {
  for (const auto& node : journals_.at("").tree().nodes())
    if (!node.name.empty() && !node.own.empty()) read_directory(node.own.front().first, node.name);
  std::set<std::uint32_t> begins;
  for (const auto& [id, one] : blocks_)  // the first leaf of a subtree, or its second copy beside it
    if (one.kind == block_kind::directory) begins.insert(id.leaf - id.leaf % 4);
  for (const auto first : begins) read_directory(first, "");
  claim_journal_blocks();
}

/// `told`: what the partition's journal calls it; empty where that does not say.
void partition::read_directory(std::uint32_t first, std::string_view told) {
  const auto there = [&](const auto& one) { return one.second.of_directory() && one.second.first() == first; };
  if (first == 0 || std::any_of(journals_.begin(), journals_.end(), there)) return;
  ledger one{description_.geometry, first};
  one.read(blocks_, restored_);
  const auto name = one.name();
  if (name.empty()) return;
  if ((!told.empty() && name != told) || !journals_.emplace(name, std::move(one)).second)
    unclaimed_.push_back(fmt::format("leaf {} has the journal of \"{}\", which is {}", first, name,
                                     told.empty() ? "elsewhere, too" : fmt::format("\"{}\" by the partition's", told)));
}

/// Blocks of journals behind the end of the one that they are of: commits are missing in between.
void partition::claim_journal_blocks() {
  std::set<block_id> known;
  for (const auto& [name, one] : journals_) known.merge(one.blocks());
  for (const auto& [id, one] : blocks_) {
    if (!is_of_journal(one.kind) || known.contains(id)) continue;
    const auto owner =
        std::find_if(journals_.begin(), journals_.end(), [&](const auto& each) { return each.second.owns(id.leaf); });
    if (owner != journals_.end())
      owner->second.note_later();
    else
      unclaimed_.push_back(
          fmt::format("{} is of the journal of a directory whose beginning was not read", text_of(id)));
  }
}

std::uint32_t partition::last_commit() const {
  std::uint32_t last = 0;
  for (const auto& [name, one] : journals_) last = std::max(last, one.last_commit());
  return last;
}

bool partition::has_all_to(std::uint32_t commit) const {
  std::set<std::uint32_t> numbers;
  for (const auto& [name, one] : journals_)
    for (const auto& each : one.commits()) numbers.insert(each.number);
  return std::distance(numbers.begin(), numbers.upper_bound(commit)) == static_cast<std::ptrdiff_t>(commit);
}

const ledger& partition::journal_of(std::string_view path) const {
  const auto found = journals_.find(path.substr(0, path.find('/')));
  return found == journals_.end() ? journals_.find("")->second : found->second;
}

bool partition::is_claimed(std::uint32_t leaf) const {
  for (const auto& [name, one] : journals_)
    if (one.owns(leaf)) return true;
  const auto& told = journals_.find("")->second.tree().nodes();
  return std::any_of(told.begin(), told.end(), [&](const auto& node) { return contains(node.own, leaf); });
}

directory_tree partition::tree_of(std::string_view path, std::optional<std::uint32_t> commit) const {
  if (commit && *commit > last_commit())
    throw partition_error{fmt::format("there is no commit {}: the last one is {}", *commit, last_commit())};
  return journal_of(path).tree_at(commit);
}

std::vector<entry> partition::list(std::optional<std::uint32_t> commit) const {
  std::vector<entry> all;
  for (const auto& [name, one] : journals_) {
    const auto tree = tree_of(name, commit);
    for (node_id id = 1; id < tree.nodes().size(); ++id) {
      const auto& node = tree.node(id);
      // A directory's own journal tells of it.
      if (!one.of_directory() && !node.own.empty() && journals_.contains(node.name)) continue;
      all.push_back({tree.path(id), node.directory, node.size_bytes, node.commit, node.blocks, node.compressed});
    }
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return all;
}

std::optional<entry> partition::find(std::string_view path, std::optional<std::uint32_t> commit) const try {
  const auto tree = tree_of(path, commit);
  const auto id = tree.find(path);
  if (!id) return {};
  const auto& node = tree.node(*id);
  return entry{tree.path(*id), node.directory, node.size_bytes, node.commit, node.blocks, node.compressed};
} catch (const journal_error& error) {
  throw partition_error{error.what()};
}

const tree_node& partition::file_at(const directory_tree& tree, std::string_view path) const {
  const auto id = tree.find(path);
  if (!id) {
    const auto lines = journal_damage();
    const auto* hint = lines.empty() ? "ls shows what is there" : lines.front().c_str();
    throw partition_error{fmt::format("there is no \"{}\" in commit {}: {}", path, tree.last_commit(), hint)};
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
  const auto tree = tree_of(path, commit);
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

}  // namespace chromatin::dna
