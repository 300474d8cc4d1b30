#include "dna/wetlab/trial_check.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace chromatin::dna::wetlab {
namespace {

/// Takes the end off a name like "f1.as-of-commit-2" or "f1.block-3" and says its number; nothing where it has none.
std::optional<std::uint32_t> take_number(std::string& name, std::string_view mark) {
  const auto at = name.find(mark);
  if (at == name.npos) return {};
  const auto number = static_cast<std::uint32_t>(std::stoul(name.substr(at + mark.size())));
  name.resize(at);
  return number;
}

class checker {
 public:
  checker(const recovery& given, const partition& found, const partition& written, const trial_truth& truth,
          trial_result& into)
      : given_{given}, found_{found}, written_{written}, truth_{truth}, into_{into} {}

  void run() {
    for (const auto& one : given_.files) check_file(one);
    for (const auto& one : given_.pieces) check_piece(one);
    for (const auto& one : found_.list())
      if (!one.directory) check_named(one);
    into_.pieces = given_.pieces.size();
    into_.lost = given_.lost.size() + given_.unread.size();
    // Where directories have journals of their own, the partition's tells which are missed.
    if (!given_.doubt.empty() || found_.journals().at("").empty()) return;
    for (const auto& [path, content] : truth_.contents.back()) {
      const auto& unread = given_.unread;
      const auto directory = path.substr(0, path.find('/'));
      if (!found_.find(path) && std::find(unread.begin(), unread.end(), directory) == unread.end())
        into_.unnamed.push_back(path + ": a file that nothing is said of");
    }
  }

 private:
  void check_file(const recovered& one) {
    auto name = one.name;
    const auto commit = take_number(name, ".as-of-commit-");
    if (one.current != !commit) into_.wrong.push_back(one.name + ": its name does not tell what it is");
    (commit ? into_.files_as_of : into_.current_files)++;
    const auto holds = [&](const auto& then) {
      const auto there = then.find(name);
      return there != then.end() && there->second == one.content;
    };
    if (commit && *commit >= truth_.contents.size()) return into_.wrong.push_back(one.name);
    if (holds(commit ? truth_.contents[*commit] : truth_.contents.back())) return;
    const bool was = std::any_of(truth_.contents.begin(), truth_.contents.end(), holds);
    (was && !commit ? into_.stale : into_.wrong).push_back(one.name);
  }

  /// A block of a file, now or at a commit, or of a leaf.
  void check_piece(const recovered& one) {
    auto name = one.name;
    const auto commit = take_number(name, ".as-of-commit-");
    const auto number = take_number(name, ".block-");
    if (!number) {
      const auto version = take_number(name, ".version-"), leaf = take_number(name, "leaf-");
      bool was = false;
      // A leaf that was given back holds several blocks one after the other.
      for (std::uint32_t base = 0; version && leaf && base <= *version; ++base)
        was = was || written_.content({*leaf, *version, base}) == one.content;
      if (!was || one.current) into_.wrong.push_back(one.name);
      return;
    }
    if (one.current != !commit) into_.wrong.push_back(one.name + ": its name does not tell what it is");
    if (commit && *commit > written_.last_commit()) return into_.wrong.push_back(one.name);
    const auto file = written_.find(name, commit);
    const auto is = [&](const file_block& block) { return written_.content(block) == one.content; };
    if (commit) {
      // Its number is that of the newest commit that was read: any block of that time will do.
      if (!file || std::none_of(file->blocks.begin(), file->blocks.end(), is)) into_.wrong.push_back(one.name);
    } else if (!file || *number >= file->blocks.size() || !is(file->blocks[*number])) {
      into_.stale.push_back(one.name);
    }
  }

  bool gives(const std::vector<recovered>& list, const std::string& name) const {
    const auto as_of = fmt::format("{}.as-of-commit-{}", name, found_.journal_of(name).last_commit());
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& one) { return one.name == name || one.name == as_of; });
  }

  /// A file that the journal that was read knows: it is given, or its blocks are, or they are named as lost.
  void check_named(const entry& file) {
    if (gives(given_.files, file.path)) return;
    if (std::find(given_.unread.begin(), given_.unread.end(), file.path) != given_.unread.end()) return;
    for (std::size_t i = 0; i < file.blocks.size(); ++i) {
      const auto name = fmt::format("{}.block-{}", file.path, i);
      const bool lost = std::any_of(given_.lost.begin(), given_.lost.end(),
                                    [&](const auto& one) { return one.path == file.path && one.block == i; });
      if (!lost && !gives(given_.pieces, name)) into_.unnamed.push_back(name);
    }
  }

  const recovery& given_;
  const partition &found_, &written_;
  const trial_truth& truth_;
  trial_result& into_;
};

}  // namespace

void check_trial(const recovery& given, const partition& found, const partition& written, const trial_truth& truth,
                 trial_result& into) {
  checker{given, found, written, truth, into}.run();
}

}  // namespace chromatin::dna::wetlab
