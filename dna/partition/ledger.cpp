#include "dna/partition/ledger.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "dna/partition/allocation.hpp"
#include "dna/partition/partition.hpp"

namespace chromatin::dna {

/// A directory has sixteen leaves at the least and takes one record, which takes a block, or two with the second copy.
leaf_run journal_home(const profile& geometry) {
  const auto records = geometry.leaves() / (16 * geometry.versions()) * (geometry.outer > 0 ? 4 : 1);
  if (geometry.directory_journals) return {0, std::max(records, 4U)};
  if (geometry.index.quaternary()) return {0, std::max(geometry.leaves() / 16, 1U)};
  return geometry.index.nodes()[1].leaves;
}

ledger::ledger(const profile& geometry, std::uint32_t first)
    : geometry_{geometry},
      first_{first},
      format_{geometry.directory_journals ? journal_format::numbered : journal_format::counted},
      tree_{geometry} {
  end_.leaf = first_;
  end_.mirror = geometry_.outer > 0 ? first_ + 1 : 0;
}

std::string ledger::name() const { return of_directory() && !commits_.empty() ? tree_.node(1).name : std::string{}; }

std::vector<leaf_run> ledger::own() const {
  if (!of_directory())
    return {geometry_.directory_journals ? journal_home(geometry_) : leaf_run{0, geometry_.leaves()}};
  return commits_.empty() ? std::vector<leaf_run>{} : tree_.node(1).own;
}

bool ledger::owns(std::uint32_t leaf) const { return contains(own(), leaf); }

directory_tree ledger::tree_at(std::optional<std::uint32_t> commit) const {
  if (!commit || *commit >= last_commit()) return tree_;
  directory_tree tree{geometry_};
  for (const auto& one : commits_)
    if (one.number <= *commit) tree.apply(one);
  return tree;
}

bool ledger::has(std::uint32_t commit) const {
  return std::binary_search(commits_.begin(), commits_.end(), recorded_commit{commit, {}},
                            [](const auto& a, const auto& b) { return a.number < b.number; });
}

std::set<block_id> ledger::blocks() const {
  std::set<block_id> known;
  for (const auto& one : parts_) {
    known.insert(one.id);
    if (one.mirror) known.insert(*one.mirror);
  }
  return known;
}

std::vector<block_id> ledger::blocks_of(std::size_t place) const {
  const auto from = place == 0 ? 0 : commit_ends_[place - 1], to = commit_ends_[place];
  std::vector<block_id> ids;
  std::size_t begin = 0;
  for (const auto& one : parts_) {
    if (begin < to && one.end > from) ids.push_back(one.id);
    begin = one.end;
  }
  return ids;
}

std::optional<block_id> ledger::next() const {
  if (end_.slot < geometry_.versions()) return block_id{end_.leaf, end_.slot};
  if (end_.next == 0) return {};
  return block_id{end_.next, 0};
}

std::vector<std::uint32_t> ledger::reserved() const {
  std::vector<std::uint32_t> leaves;
  if (parts_.empty() && end_.mirror != 0) leaves.push_back(end_.mirror);
  if (parts_.empty()) leaves.push_back(end_.leaf);
  for (const auto leaf : {end_.next, end_.next_mirror})
    if (leaf != 0 && leaf < geometry_.leaves()) leaves.push_back(leaf);
  return leaves;
}

void ledger::note_later() {
  const auto line = fmt::format("the journal ends before {}, which was not read: later commits are not known",
                                text_of(block_id{end_.leaf, end_.slot}));
  if (std::find(damage_.begin(), damage_.end(), line) == damage_.end()) damage_.insert(damage_.begin(), line);
}

block_kind ledger::kind_here() const {
  return of_directory() && end_.leaf == first_ && end_.slot == 0 ? block_kind::directory : block_kind::journal;
}

/// The next block, out of its second copy where the first is missing; null where there is neither.
const block* ledger::block_here(block_map& blocks, std::vector<block_id>& restored) const {
  const auto find = [&](std::uint32_t leaf) -> const block* {
    const auto found = blocks.find({leaf, end_.slot});
    return found != blocks.end() && found->second.kind == kind_here() ? &found->second : nullptr;
  };
  if (const auto* first = find(end_.leaf)) return first;
  const auto* second = end_.mirror != 0 ? find(end_.mirror) : nullptr;
  if (!second) return nullptr;
  auto copy = *second;
  copy.id = {end_.leaf, end_.slot};
  restored.push_back(copy.id);
  return &blocks.insert_or_assign(copy.id, std::move(copy)).first->second;
}

/// The journal's bytes, as far as its blocks are there.
byte_string ledger::gather(block_map& blocks, std::vector<block_id>& restored) {
  std::set<std::uint32_t> visited;
  byte_string stream;
  const auto slots = geometry_.versions();
  const bool mirrored = geometry_.outer > 0;
  const std::size_t header_bytes = mirrored ? 4 : 2;
  for (bool more = true; more;) {
    visited.insert(end_.leaf);
    for (end_.slot = 0; end_.slot < slots; ++end_.slot) {
      const auto* found = block_here(blocks, restored);
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
      parts_.push_back({found->id, mirror, stream.size()});
    }
    more = end_.slot == slots && end_.next != 0 && !visited.contains(end_.next) &&
           (blocks.contains({end_.next, 0}) || (mirrored && blocks.contains({end_.next_mirror, 0})));
    if (more) end_ = {end_.next, 0, 0, end_.next_mirror, 0};
  }
  return stream;
}

void ledger::read(block_map& blocks, std::vector<block_id>& restored) {
  const auto stream = gather(blocks, restored);
  const auto known = this->blocks();
  // Where there are several, the partition tells whose such a block is.
  const bool later = !geometry_.directory_journals && std::any_of(blocks.begin(), blocks.end(), [&](const auto& one) {
    return one.second.kind == block_kind::journal && !known.contains(one.first);
  });
  if (later || (parts_.empty() && !blocks.empty())) note_later();
  if (stream.empty()) return;
  try {
    decode(stream);
    if (of_directory()) check_directory();
  } catch (const journal_error& error) {
    damage_.push_back(error.what());
  }
  if (of_directory() && !commits_.empty() && (tree_.nodes().size() < 2 || tree_.node(1).own.empty()))
    commits_.clear(), commit_ends_.clear(), tree_ = directory_tree{geometry_};
}

void ledger::decode(const byte_string& stream) {
  if (stream[0] != static_cast<std::uint8_t>(format_))
    throw journal_error{
        fmt::format("journal: format {}, not {}: written by a newer version?", stream[0], static_cast<int>(format_))};
  std::size_t length = 1;
  for (auto& commit : decode_journal(std::span{stream}.subspan(1), format_)) {
    auto next = tree_;
    next.apply(commit);
    length += encode(commit, format_).size();
    tree_ = std::move(next);
    commits_.push_back(std::move(commit));
    commit_ends_.push_back(length);
  }
  if (length != stream.size() && damage_.empty())
    damage_.push_back(fmt::format("the journal's last commit is incomplete: {} was not read",
                                  text_of(block_id{end_.leaf, end_.slot})));
}

/// One directory at the top, which begins where this journal does.
void ledger::check_directory() const {
  if (commits_.empty()) return;
  const auto& nodes = tree_.nodes();
  const bool one = nodes.size() > 1 && nodes[1].directory && !nodes[1].own.empty() && nodes[1].own[0].first == first_;
  const auto alone = std::none_of(nodes.begin() + 1, nodes.end(), [&](const auto& node) {
    return (node.parent == 0) != (&node == &nodes[1]) || (!node.own.empty() && &node != &nodes[1]);
  });
  if (!one || !alone)
    throw journal_error{fmt::format("journal: what begins at leaf {} is not of one directory there", first_)};
}

std::vector<block> ledger::record(recorded_commit commit, leaf_allocation& leaves, const leaf_run& home) {
  const auto recorded = encode(commit, format_);
  auto bytes = byte_string(parts_.empty() ? 1 : 0, static_cast<std::uint8_t>(format_));
  bytes.insert(bytes.end(), recorded.begin(), recorded.end());
  const auto full = [] {
    return partition_full{
        "the partition is full: no leaf is left to record the change in; start another one with primers of its own"};
  };
  const bool mirrored = geometry_.outer > 0;
  auto written = parts_.empty() ? 0 : parts_.back().end;
  std::vector<block> made;
  for (std::span<const std::uint8_t> left{bytes}; !left.empty(); ++end_.slot) {
    if (end_.slot == geometry_.versions()) {
      if (end_.next == 0) throw full();
      end_ = {end_.next, 0, 0, end_.next_mirror, 0};
    }
    block one{{end_.leaf, end_.slot}, kind_here(), {}};
    if (end_.slot == 0) {
      if (const auto next = leaves.allocate(1, home)) end_.next = next->front().first;
      one.content = {static_cast<std::uint8_t>(end_.next), static_cast<std::uint8_t>(end_.next >> 8)};
      if (mirrored) {
        if (const auto next = leaves.allocate(1, home)) end_.next_mirror = next->front().first;
        if (end_.next_mirror == 0) end_.next = 0, one.content = {0, 0};
        one.content.push_back(static_cast<std::uint8_t>(end_.next_mirror));
        one.content.push_back(static_cast<std::uint8_t>(end_.next_mirror >> 8));
      }
      // A directory can take more leaves, but not say later where its journal goes on.
      if (of_directory() && end_.next == 0) throw full();
    }
    const auto piece = left.first(std::min<std::size_t>(left.size(), geometry_.block_bytes() - one.content.size()));
    one.content.insert(one.content.end(), piece.begin(), piece.end());
    left = left.subspan(piece.size());
    written += piece.size();
    parts_.push_back({one.id, mirrored ? std::optional<block_id>{{end_.mirror, end_.slot}} : std::nullopt, written});
    made.push_back(one);
    if (!mirrored) continue;
    one.id = *parts_.back().mirror;
    made.push_back(std::move(one));
  }
  tree_.apply(commit);
  commits_.push_back(std::move(commit));
  commit_ends_.push_back(written);
  return made;
}

}  // namespace chromatin::dna
