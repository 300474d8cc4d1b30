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
#include "dna/wetlab/trial_check.hpp"

namespace chromatin::dna::wetlab {
namespace {

/// A geometry with its codec.
struct geometry_in_use {
  explicit geometry_in_use(profile geometry)
      : layout{describe(std::move(geometry), {"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"})}, codec{layout} {}
  strand_layout layout;
  block_codec codec;
};

const geometry_in_use& geometry_of(const trial_conditions& how) {
  static const geometry_in_use plain{profile{}}, poor{built_in_profile("poor")}, outer{[] {
    profile made;
    made.outer = 0.1;
    return made;
  }()},
      archive{[] {
        auto made = built_in_profile("archive");
        made.levels = 5;
        return made;
      }()};
  if (how.profile == "150nt") return plain;
  if (how.profile == "archive") return archive;
  return how.profile == "poor" ? poor : outer;
}

/// A small partition with its history.
struct history {
  partition written;
  std::vector<std::vector<block>> commits{};  ///< blocks of each
  trial_truth truth{};
};

byte_string random_bytes(std::size_t size, generator& random) {
  byte_string bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

history make_history(const trial_conditions& how, generator& random) {
  history made{partition{geometry_of(how).layout.partition()}};
  std::vector<new_file> files;
  for (auto count = 1 + random() % 2; count > 0; --count)
    files.push_back({fmt::format("f{}", count), random_bytes(200 + random() % 900, random)});
  std::map<std::string, byte_string> state;
  const auto put = [&](std::span<const new_file> some) {
    made.commits.push_back(made.written.put(some));
    for (const auto& file : some) state[file.path] = file.content;
    made.truth.contents.push_back(state);
  };
  if (made.written.description().geometry.directory_journals)
    for (auto& file : files) file.path = "d" + file.path + "/" + file.path, put({&file, 1});
  else
    put(files);
  for (std::uint32_t i = 0; i < how.updates; ++i) {
    auto& [path, content] = *std::next(state.begin(), static_cast<std::ptrdiff_t>(random() % state.size()));
    const auto at = content.begin() + static_cast<std::ptrdiff_t>(random() % content.size());
    *at ^= 1;
    if (random() % 3 == 0)
      content.insert(at, random() % 2 == 0 ? 300 : 20, static_cast<std::uint8_t>(random()));
    else if (content.size() > 400 && random() % 4 == 0)
      content.erase(content.begin(), content.begin() + 260);
    made.commits.push_back(made.written.update(path, content));
    made.truth.contents.push_back(state);
  }
  return made;
}

tube make_tube(const history& of, const trial_conditions& how, generator& random) {
  const auto& codec = geometry_of(how).codec;
  std::vector<block_id> journal;
  for (const auto& commit : of.commits)
    for (const auto& one : commit)
      if (is_of_journal(one.kind)) journal.push_back(one.id);
  const auto lost = std::min<std::size_t>(how.lost_blocks, journal.size() - 1);
  tube all;
  for (std::size_t i = 0; i < of.commits.size(); ++i) {
    std::vector<std::string> strands;
    for (const auto& one : of.commits[i])
      if (std::find(journal.end() - static_cast<std::ptrdiff_t>(lost), journal.end(), one.id) == journal.end())
        for (auto& strand : codec.encode(one)) strands.push_back(std::move(strand));
    if (strands.empty()) continue;
    synthesis_options options{.copies = 1e4 * (i == 0 ? 1 : how.patch_ratio)};
    options.dropout = how.dropout;
    auto next = synthesise(strands, {}, options, random());
    all = all.origins.empty() ? std::move(next) : mix(all, next);
  }
  return all;
}

std::vector<std::string> make_reads(const tube& from, const trial_conditions& how, generator& random) {
  const auto& layout = geometry_of(how).layout;
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
    if (chance(random) < how.foreign) made = layout.head() + layout.geometry().sync + bases(109) + layout.tail();
    if (how.flank_nt > 0) made = bases(random() % how.flank_nt) + made + bases(random() % how.flank_nt);
    reads.push_back(random() % 2 == 0 ? std::move(made) : reverse_complement(made));
  });
  return reads;
}

/// Damages the reader, or what it says.
void plant(planted fault, recovery& given) {
  if (fault == planted::corrupts)
    for (auto* list : {&given.files, &given.pieces})
      if (!list->empty() && !list->back().content.empty()) list->back().content.back() ^= 1;
  if (fault != planted::forgets) return;
  if (!given.lost.empty()) given.lost.pop_back();
  if (!given.unread.empty()) given.unread.pop_back();
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
  drawn.updates = static_cast<std::uint32_t>(random() % (some(0.2) ? 9 : 4));
  if (some(0.4)) drawn.profile = some(0.5) ? "poor" : "150nt, outer 10%";
  return drawn;
}

trial_result run_trial(const trial_conditions& how, std::uint64_t seed, planted fault) {
  generator random{seed};
  const auto& codec = geometry_of(how).codec;
  const auto made = make_history(how, random);
  const auto reads = make_reads(make_tube(made, how, random), how, random);
  pipeline reading{{&codec}, 1};
  std::size_t at = 0;
  reading.add([&](read& one) {
    if (at == reads.size()) return false;
    one.bases = reads[at++];
    return true;
  });
  auto outcomes = reading.decode();
  trial_result result;
  const auto [blocks, parts] = blocks_of(outcomes);
  const partition found{codec.layout().partition(), blocks, parts};
  const auto check_block = [&](const block& one) {
    const auto known = made.written.blocks().find(one.id);
    if (known == made.written.blocks().end() || known->second != one) result.wrong.push_back(text_of(one.id));
  };
  for (const auto& one : blocks) check_block(one);
  for (const auto& id : found.restored()) check_block(found.blocks().at(id));
  commit_knowledge known;
  if (how.counted) known.commits = made.written.last_commit();
  const bool several = codec.geometry().directory_journals;
  if ((!how.counted || several) && fault != planted::believes) reading.explain(0, outcomes);
  if (!how.counted && fault != planted::believes) known.doubt = doubt_of_end(found, outcomes);
  if (several)
    for (const auto& [name, one] : found.journals())
      known.directories[name].doubt = fault == planted::believes ? "" : doubt_of_end(found, outcomes, name);
  auto given = recover(found, known);
  plant(fault, given);
  check_trial(given, found, made.written, made.truth, result);
  return result;
}

}  // namespace chromatin::dna::wetlab
