#include "dna/wetlab/trial.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include <fmt/format.h>

#include "dna/geometry/sequence.hpp"
#include "dna/partition/journal_end.hpp"
#include "dna/reads/pipeline.hpp"
#include "dna/wetlab/sequencer.hpp"
#include "dna/wetlab/synthesis.hpp"

namespace chromatin::dna::wetlab {
namespace {

const strand_layout& layout() {
  static const strand_layout made{describe(profile{}, {"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"})};
  return made;
}
const block_codec& codec() {
  static const block_codec made{layout()};
  return made;
}

/// A small partition with its history.
struct history {
  partition written{layout().partition()};
  std::vector<std::vector<block>> commits;                       ///< blocks of each
  std::vector<std::map<std::string, byte_string>> contents{{}};  ///< by commit
};

byte_string random_bytes(std::size_t size, generator& random) {
  byte_string bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

history make_history(generator& random) {
  history made;
  std::vector<new_file> files;
  for (auto count = 1 + random() % 2; count > 0; --count)
    files.push_back({fmt::format("f{}", count), random_bytes(200 + random() % 900, random)});
  made.commits.push_back(made.written.put(files));
  made.contents.emplace_back();
  for (const auto& file : files) made.contents.back()[file.path] = file.content;
  for (auto updates = random() % 4; updates > 0; --updates) {
    auto state = made.contents.back();
    auto& [path, content] = *std::next(state.begin(), static_cast<std::ptrdiff_t>(random() % state.size()));
    content[random() % content.size()] ^= 1;
    if (random() % 3 == 0) content.insert(content.begin(), 300, static_cast<std::uint8_t>(random()));
    made.commits.push_back(made.written.update(path, content));
    made.contents.push_back(std::move(state));
  }
  return made;
}

tube make_tube(const history& of, const trial_conditions& how, generator& random) {
  std::vector<block_id> journal;
  for (const auto& commit : of.commits)
    for (const auto& one : commit)
      if (one.kind == block_kind::journal) journal.push_back(one.id);
  const auto lost = std::min<std::size_t>(how.lost_blocks, journal.size() - 1);
  tube all;
  for (std::size_t i = 0; i < of.commits.size(); ++i) {
    std::vector<std::string> strands;
    for (const auto& one : of.commits[i])
      if (std::find(journal.end() - static_cast<std::ptrdiff_t>(lost), journal.end(), one.id) == journal.end())
        for (auto& strand : codec().encode(one)) strands.push_back(std::move(strand));
    if (strands.empty()) continue;
    synthesis_options options{.copies = 1e4 * (i == 0 ? 1 : how.patch_ratio)};
    options.dropout = how.dropout;
    auto next = synthesise(strands, {}, options, random());
    all = all.origins.empty() ? std::move(next) : mix(all, next);
  }
  return all;
}

std::vector<std::string> make_reads(const tube& from, const trial_conditions& how, generator& random) {
  std::uniform_real_distribution<double> chance;
  const auto bases = [&](std::size_t count) {
    std::string made;
    while (made.size() < count) made += "ACGT"[random() % 4];
    return made;
  };
  auto errors = even_profile("trial", how.errors * 0.4, how.errors * 0.4, how.errors * 0.2);
  errors.reversed = 0;
  const auto strands = static_cast<double>(from.origins.size());
  std::vector<std::string> reads;
  std::string before = from.molecules.front().bases;
  sequence(from, static_cast<std::uint64_t>(how.coverage * strands) + 1, errors, 0, random(), [&](const read& one) {
    auto made = one.bases;
    if (chance(random) < how.chimeras && made.size() > 60 && before.size() > 60) {
      const auto at = 20 + random() % (std::min(made.size(), before.size()) - 40);
      made = before.substr(0, at) + made.substr(at);
    }
    before = one.bases;
    if (chance(random) < how.foreign) made = layout().head() + layout().geometry().sync + bases(109) + layout().tail();
    if (how.flank_nt > 0) made = bases(random() % how.flank_nt) + made + bases(random() % how.flank_nt);
    reads.push_back(random() % 2 == 0 ? std::move(made) : reverse_complement(made));
  });
  return reads;
}

/// The commit in a name like "f1.as-of-commit-2"; nothing where there is none.
std::optional<std::uint32_t> commit_in(std::string& name) {
  constexpr std::string_view mark = ".as-of-commit-";
  const auto at = name.find(mark);
  if (at == name.npos) return {};
  const auto commit = static_cast<std::uint32_t>(std::stoul(name.substr(at + mark.size())));
  name.resize(at);
  return commit;
}

void check_files(const recovery& found, const history& truth, trial_result& into) {
  for (const auto& one : found.files) {
    auto name = one.name;
    const auto commit = commit_in(name);
    if (one.current != !commit) into.wrong.push_back(one.name + ": its name does not tell what it is");
    const auto& expected = commit ? truth.contents.at(*commit) : truth.contents.back();
    const auto content = expected.find(name);
    (commit ? into.files_as_of : into.current_files)++;
    if (content != expected.end() && content->second == one.content) continue;
    const bool was = std::any_of(truth.contents.begin(), truth.contents.end(), [&](const auto& then) {
      const auto there = then.find(name);
      return there != then.end() && there->second == one.content;
    });
    (was && !commit ? into.stale : into.wrong).push_back(one.name);
  }
}

void check_pieces(const recovery& found, const history& truth, trial_result& into) {
  for (const auto& one : found.pieces) {
    if (!one.current) continue;
    const auto dot = one.name.rfind(".block-");
    const auto path = one.name.substr(0, dot);
    const auto file = truth.written.find(path);
    const auto number = std::stoul(one.name.substr(dot + 7));
    const auto expected =
        file && number < file->blocks.size() ? truth.written.content(file->blocks[number]) : std::nullopt;
    if (!expected || *expected != one.content) into.stale.push_back(one.name);
  }
}

/// What is not given must be named; where later commits may exist, that is said instead.
void check_named(const recovery& found, const history& truth, trial_result& into) {
  into.lost = found.lost.size() + found.unread.size();
  if (!found.doubt.empty()) return;
  for (const auto& [path, content] : truth.contents.back()) {
    const auto is = [&, path = path](const auto& one) { return one.current && one.name == path; };
    if (std::any_of(found.files.begin(), found.files.end(), is)) continue;
    if (std::find(found.unread.begin(), found.unread.end(), path) != found.unread.end()) continue;
    const auto file = truth.written.find(path);
    for (std::size_t i = 0; i < file->blocks.size(); ++i) {
      const auto name = fmt::format("{}.block-{}", path, i);
      const bool given = std::any_of(found.pieces.begin(), found.pieces.end(),
                                     [&](const auto& one) { return one.current && one.name == name; });
      const bool named = std::any_of(found.lost.begin(), found.lost.end(),
                                     [&, path = path](const auto& one) { return one.path == path && one.block == i; });
      if (!given && !named) into.unnamed.push_back(name);
    }
  }
}

}  // namespace

trial_conditions draw_conditions(std::uint64_t seed) {
  generator random{seed};
  std::uniform_real_distribution<double> share;
  const auto some = [&](double chance) { return share(random) < chance; };
  trial_conditions drawn;
  drawn.coverage = std::exp(share(random) * std::log(30));
  drawn.patch_ratio = std::pow(10, 2 * share(random) - 1);
  drawn.errors = 0.003 * std::exp(share(random) * std::log(50));
  if (some(0.3)) drawn.chimeras = 0.6 * share(random);
  if (some(0.3)) drawn.foreign = 0.3 * share(random);
  if (some(0.5)) drawn.flank_nt = static_cast<std::uint32_t>(1 + random() % 80);
  if (some(0.3)) drawn.lost_blocks = static_cast<std::uint32_t>(1 + random() % 2);
  if (some(0.3)) drawn.dropout = 0.2 * share(random);
  drawn.counted = some(0.4);
  return drawn;
}

trial_result run_trial(const trial_conditions& how, std::uint64_t seed, bool believe_everything) {
  generator random{seed};
  const auto truth = make_history(random);
  const auto reads = make_reads(make_tube(truth, how, random), how, random);
  pipeline reading{{&codec()}, 1};
  std::size_t at = 0;
  reading.add([&](read& one) {
    if (at == reads.size()) return false;
    one.bases = reads[at++];
    return true;
  });
  auto outcomes = reading.decode();
  trial_result result;
  std::vector<block> blocks;
  for (const auto& one : outcomes) {
    if (!one.decoded) continue;
    blocks.push_back(*one.decoded);
    const auto known = truth.written.blocks().find(one.id);
    if (known == truth.written.blocks().end() || known->second != *one.decoded)
      result.wrong.push_back(fmt::format("leaf {} version {}", one.id.leaf, one.id.version));
  }
  const partition found{layout().partition(), std::move(blocks)};
  commit_knowledge known;
  if (how.counted) known.commits = truth.written.last_commit();
  if (!how.counted && !believe_everything) {
    reading.explain(0, outcomes);
    known.doubt = doubt_of_end(found, outcomes);
  }
  const auto given = recover(found, known);
  check_files(given, truth, result);
  check_pieces(given, truth, result);
  check_named(given, truth, result);
  return result;
}

}  // namespace chromatin::dna::wetlab
