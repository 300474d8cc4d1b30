#include "dna/partition/recovery.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace chromatin::dna {
namespace {

std::string written_later(const block_id& id, std::uint32_t last) {
  return fmt::format("{} was written by a commit after {}, which was not read", text_of(id), last);
}

std::string doubt_of(const partition& found, const std::vector<block_id>& strays, const commit_knowledge& known) {
  if (const auto damage = found.journal_damage(); !damage.empty()) return damage.front();
  if (!strays.empty()) return written_later(strays.front(), found.last_commit());
  if (known.commits && found.last_commit() < *known.commits)
    return fmt::format("{} commits are known, {} of them were read", *known.commits, found.last_commit());
  if (known.commits == found.last_commit()) return {};
  return known.doubt;
}

/// Commits after that one were all read, and so are of others.
bool later_are_known(const partition& found, std::uint32_t last, std::uint32_t commits) {
  if (found.last_commit() > commits) return false;  // the count is older than what was read
  std::set<std::uint32_t> seen;
  for (const auto& [name, one] : found.journals())
    for (auto next = one.commits().rbegin(); next != one.commits().rend() && next->number > last; ++next)
      seen.insert(next->number);
  return seen.size() == commits - last;
}

/// Of one of several journals.
std::string doubt_of(const partition& found, const ledger& of, const std::vector<block_id>& strays,
                     const commit_knowledge& known) {
  if (!of.damage().empty()) return of.damage().front();
  const auto last = of.last_commit();
  for (const auto& id : strays)
    if (of.owns(id.leaf) || (!of.of_directory() && !found.is_claimed(id.leaf))) return written_later(id, last);
  if (known.commits && later_are_known(found, last, *known.commits)) return {};
  const auto told = known.directories.find(of.name());
  if (told == known.directories.end()) return fmt::format("nothing tells that commit {} is the last", last);
  if (!told->second.last_commit) return told->second.doubt;
  if (*told->second.last_commit == last) return {};
  return fmt::format("commit {} is known, and the last that was read is {}", *told->second.last_commit, last);
}

class recoverer {
 public:
  recoverer(const partition& found, const commit_knowledge& known, std::string_view only) : found_{found}, only_{only} {
    made_.restored = found.restored().size();
    strays_ = found.strays();
    const bool several = found.description().geometry.directory_journals;
    for (const auto& [name, one] : found.journals()) {
      if (!asked(name) || (several && one.empty())) continue;
      auto doubt = several ? doubt_of(found, one, strays_, known) : doubt_of(found, strays_, known);
      if (made_.doubt.empty()) made_.doubt = doubt;
      made_.commit = std::max(made_.commit, one.last_commit());
      made_.journals.push_back({name, one.last_commit(), std::move(doubt)});
    }
    for (const auto& one : found.list()) taken_.insert(one.path);
  }

  recovery run() && {
    for (const auto& one : found_.list()) {
      if (!asked(one.path)) continue;
      if (one.directory) {
        note_unread(one.path);
        continue;
      }
      const auto name = found_.journal_of(one.path).name();
      const auto here = std::find_if(made_.journals.begin(), made_.journals.end(),
                                     [&](const auto& each) { return each.directory == name; });
      if (here == made_.journals.end()) continue;
      here_ = &*here;
      recover_file(one);
    }
    if (!only_.empty() && !found_.journals().contains(only_) && made_.unread.empty()) made_.unread.emplace_back(only_);
    recover_strays();
    return std::move(made_);
  }

 private:
  bool asked(std::string_view path) const { return only_.empty() || path.substr(0, path.find('/')) == only_; }
  bool complete() const { return here_->doubt.empty(); }

  /// A directory of which the partition's journal tells, and whose own was not read.
  void note_unread(const std::string& path) {
    const bool several = found_.description().geometry.directory_journals;
    if (several && path.find('/') == path.npos && !found_.journals().contains(path)) made_.unread.push_back(path);
  }

  /// A name that is not that of a file in the tube or of something else that is written.
  std::string free_name(std::string name) {
    // What is added must not make a name longer than file systems take: the middle gives way.
    constexpr std::size_t name_max = 255, kept = 100;
    const auto slash = name.rfind('/') == name.npos ? 0 : name.rfind('/') + 1;
    if (name.size() - slash > name_max) name.erase(slash + kept, name.size() - slash - name_max);
    while (!taken_.insert(name).second) name += '~';
    return name;
  }
  static std::string as_of(const std::string& name, std::uint32_t commit) {
    return fmt::format("{}.as-of-commit-{}", name, commit);
  }

  void recover_file(const entry& file) {
    if (auto reading = found_.get(file.path); reading.content) {
      auto name = complete() ? file.path : free_name(as_of(file.path, here_->commit));
      made_.files.push_back({std::move(name), std::move(*reading.content), complete()});
      if (!complete()) made_.held_back.push_back(file.path);
      return;
    }
    made_.held_back.push_back(file.path);
    const auto pieces_before = made_.pieces.size();
    std::vector<lost_block> lost;
    for (std::size_t i = 0; i < file.blocks.size(); ++i) recover_block(file, i, lost);
    const bool older = recover_older(file);
    if (made_.pieces.size() == pieces_before && !older)
      made_.unread.push_back(file.path);
    else
      made_.lost.insert(made_.lost.end(), lost.begin(), lost.end());
  }

  void recover_block(const entry& file, std::size_t number, std::vector<lost_block>& lost) {
    const auto& part = file.blocks[number];
    const auto name = fmt::format("{}{}.block-{}", file.path, file.compressed ? ".zst" : "", number);
    if (auto content = found_.content(part)) {
      auto as = complete() ? name : as_of(name, here_->commit);
      made_.pieces.push_back({free_name(std::move(as)), std::move(*content), complete()});
      return;
    }
    auto missing = part.base;
    while (found_.blocks().contains({part.leaf, missing})) ++missing;
    lost.push_back({file.path, number, {part.leaf, std::min(missing, part.last)}});
    if (missing == part.base) return;
    // What there is of it was current when the missing patch was not yet there.
    if (auto content = found_.content({part.leaf, missing - 1, part.base}))
      made_.pieces.push_back(
          {free_name(as_of(name, commit_before(file.path, {part.leaf, missing}))), std::move(*content), false});
  }

  /// The last commit at which a block's version was not yet written.
  std::uint32_t commit_before(const std::string& path, const block_id& version) const {
    for (const auto& commit : found_.history(path))
      for (const auto& change : commit.changes)
        for (const auto& id : change.blocks)
          if (id == version) return commit.number - 1;
    return here_->commit;
  }

  /// The newest content of the file that is there whole.
  bool recover_older(const entry& file) {
    const auto commits = found_.history(file.path);
    for (auto next = commits.rbegin(); next != commits.rend(); ++next) {
      const auto before = next->number - 1;
      const auto then = found_.find(file.path, before);
      if (!then) return false;
      if (auto reading = found_.get(file.path, before); reading.content) {
        made_.files.push_back({free_name(as_of(file.path, before)), std::move(*reading.content), false});
        return true;
      }
    }
    return false;
  }

  /// Blocks that no commit that was read accounts for: by leaf, with the version up to which they are whole.
  void recover_strays() {
    std::set<std::uint32_t> leaves;
    for (const auto& id : strays_)
      if (const auto kind = found_.blocks().at(id).kind;
          (kind == block_kind::data || kind == block_kind::patch) && asked_leaf(id.leaf))
        leaves.insert(id.leaf);
    for (const auto leaf : leaves) {
      auto reading = found_.leaf(leaf);
      if (reading.content)
        made_.pieces.push_back(
            {free_name(fmt::format("leaf-{:04}.version-{}", leaf, reading.last)), std::move(*reading.content), false});
    }
  }

  bool asked_leaf(std::uint32_t leaf) const {
    if (only_.empty()) return true;
    const auto of = found_.journals().find(only_);
    return of != found_.journals().end() && of->second.owns(leaf);
  }

  const partition& found_;
  std::string_view only_;
  std::vector<block_id> strays_;
  recovery made_;
  const journal_reading* here_ = nullptr;  ///< of the file at hand
  std::set<std::string> taken_;
};

}  // namespace

recovery recover(const partition& found, const commit_knowledge& known, std::string_view only) {
  return recoverer{found, known, only}.run();
}

}  // namespace chromatin::dna
