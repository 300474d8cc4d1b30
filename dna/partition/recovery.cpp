#include "dna/partition/recovery.hpp"

#include <set>

#include <fmt/format.h>

namespace chromatin::dna {
namespace {

std::string doubt_of(const partition& found, const commit_knowledge& known) {
  if (!found.journal_damage().empty()) return found.journal_damage().front();
  const auto stray = found.strays();
  if (!stray.empty())
    return fmt::format("leaf {} version {} was written by a commit after {}, which was not read", stray.front().leaf,
                       stray.front().version, found.last_commit());
  if (known.commits && found.last_commit() < *known.commits)
    return fmt::format("{} commits are known, {} of them were read", *known.commits, found.last_commit());
  if (known.commits == found.last_commit()) return {};
  return known.doubt;
}

class recoverer {
 public:
  recoverer(const partition& found, std::string doubt) : found_{found} {
    made_.commit = found.last_commit();
    made_.restored = found.restored().size();
    made_.doubt = std::move(doubt);
    for (const auto& one : found.list()) taken_.insert(one.path);
  }

  recovery run() && {
    for (const auto& one : found_.list())
      if (!one.directory) recover_file(one);
    recover_strays();
    return std::move(made_);
  }

 private:
  bool complete() const { return made_.doubt.empty(); }

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
      auto name = complete() ? file.path : free_name(as_of(file.path, made_.commit));
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
      auto as = complete() ? name : as_of(name, made_.commit);
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
    return made_.commit;
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
    for (const auto& id : found_.strays())
      if (const auto kind = found_.blocks().at(id).kind; kind == block_kind::data || kind == block_kind::patch)
        leaves.insert(id.leaf);
    for (const auto leaf : leaves) {
      auto reading = found_.leaf(leaf);
      if (reading.content)
        made_.pieces.push_back(
            {free_name(fmt::format("leaf-{:04}.version-{}", leaf, reading.last)), std::move(*reading.content), false});
    }
  }

  const partition& found_;
  recovery made_;
  std::set<std::string> taken_;
};

}  // namespace

recovery recover(const partition& found, const commit_knowledge& known) {
  return recoverer{found, doubt_of(found, known)}.run();
}

}  // namespace chromatin::dna
