#include "apps/dna/decode_report.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/shown.hpp"

namespace chromatin::dna {
namespace {

/// Where nothing decoded to compare with: reads that a block usually takes.
constexpr std::uint64_t usual_reads = 90;

std::size_t count(const std::vector<block_outcome>& outcomes, auto&& which) {
  return static_cast<std::size_t>(std::count_if(outcomes.begin(), outcomes.end(), which));
}
bool decoded(const block_outcome& one) { return one.decoded.has_value(); }
bool failed(const block_outcome& one) { return !one.decoded && !one.trace; }

std::string line_of(const lost_block& lost, const more_reads& more) {
  auto text = fmt::format("{}: block {} is missing ({}, {} reads): about {} more reads of it would likely bring it",
                          shown(lost.path), lost.block, text_of(lost.id), more.have, more.of_it);
  if (more.of_tube > 0) text += fmt::format(", or {} of the tube as it is", more.of_tube);
  return text;
}

nlohmann::ordered_json block_rows(const std::vector<block_outcome>& outcomes) {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& one : outcomes)
    rows.push_back({{"leaf", one.id.leaf},
                    {"version", one.id.version},
                    {"decoded", decoded(one)},
                    {"trace", one.trace},
                    {"reads", one.reads},
                    {"foreign_reads", one.foreign_reads},
                    {"molecules", one.molecules},
                    {"reason", one.reason}});
  return rows;
}

nlohmann::ordered_json names(const std::vector<recovered>& from, bool current) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& one : from)
    if (one.current == current) list.push_back(shown(one.name));
  return list;
}

nlohmann::ordered_json shown_all(const std::vector<std::string>& paths) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& one : paths) list.push_back(shown(one));
  return list;
}

/// How far each directory was read.
void print_journals(const std::vector<journal_reading>& journals, std::size_t most) {
  for (std::size_t i = 0; i < std::min(journals.size(), most); ++i) {
    const auto& one = journals[i];
    fmt::print("  {}: as of commit {}, {}\n",
               one.directory.empty() ? "the partition's directories" : shown(one.directory), one.commit,
               one.doubt.empty() ? "its last" : "not known to be its last: " + one.doubt);
  }
  if (journals.size() > most) fmt::print("  and {} more directories\n", journals.size() - most);
}

void print_one(const decoded_partition& one, std::uint64_t sorted) {
  const auto traces = count(one.outcomes, [](const auto& block) { return block.trace; });
  fmt::print("{} blocks decoded, {} not, traces of {} others\n", count(one.outcomes, decoded),
             count(one.outcomes, failed), traces);
  for (const auto& block : one.outcomes)
    if (failed(block)) fmt::print("  {}\n", block.reason);
  const auto& found = one.found;
  if (found.restored > 0) fmt::print("{} more blocks were made up for by parity across blocks\n", found.restored);
  if (!one.own_journal)
    fmt::print("the journal was not among the reads: {}\n",
               one.store_journal ? "names are those the store knows" : "blocks are called by their leaves");
  const auto current =
      std::count_if(found.files.begin(), found.files.end(), [](const auto& file) { return file.current; });
  fmt::print("{}: {} files whole, {} single blocks\n", one.out.string(), current, found.pieces.size());
  if (!found.doubt.empty()) fmt::print("  not known to be the newest: {}\n", found.doubt);
  constexpr std::size_t shown_max = 10;
  if (one.directory_journals) print_journals(found.journals, shown_max);
  for (const auto& file : found.files)
    if (!file.current) fmt::print("  {}\n", shown(file.name));
  for (const auto& lost : found.lost)
    fmt::print("  {}\n", line_of(lost, more_reads_for(lost.id, one.outcomes, sorted)));
  for (std::size_t i = 0; i < std::min(found.unread.size(), shown_max); ++i)
    fmt::print("  {}: none of its blocks was read\n", shown(found.unread[i]));
  if (found.unread.size() > shown_max) fmt::print("  and so of {} more files\n", found.unread.size() - shown_max);
}

}  // namespace

more_reads more_reads_for(const block_id& id, const std::vector<block_outcome>& outcomes, std::uint64_t sorted) {
  more_reads more;
  std::vector<std::uint64_t> enough;
  for (const auto& one : outcomes) {
    if (one.decoded) enough.push_back(one.reads - one.foreign_reads);
    if (one.id != id) continue;
    more.have = one.reads - one.foreign_reads;
    more.reason = one.reason;
  }
  auto wanted = usual_reads;
  if (!enough.empty()) {
    const auto middle = enough.begin() + static_cast<std::ptrdiff_t>(enough.size() / 2);
    std::nth_element(enough.begin(), middle, enough.end());
    wanted = *middle;
  }
  // What has as many as others and fails all the same needs half as many again.
  more.of_it =
      std::max<std::uint64_t>(wanted > more.have ? wanted - more.have : 0, std::max<std::uint64_t>(15, more.have / 2));
  if (more.have > 0) more.of_tube = sorted * more.of_it / more.have;
  return more;
}

status status_of(const std::vector<decoded_partition>& all, const std::vector<joined_file>& joined,
                 bool reads_damaged) {
  bool anything = false, lost = false, doubt = false;
  for (const auto& one : joined) lost = lost || !one.reason.empty();
  for (const auto& one : all) {
    anything = anything || count(one.outcomes, decoded) > 0;
    const auto& found = one.found;
    lost = lost || !found.lost.empty() || !found.unread.empty() || found.files.empty();
    doubt = doubt || !found.doubt.empty();
    for (const auto& file : found.files) doubt = doubt || !file.current;
    for (const auto& piece : found.pieces) doubt = doubt || !piece.current;
  }
  if (!anything) return status::nothing;
  if (doubt) return status::not_current;
  if (lost) return status::part;
  return reads_damaged ? status::reads_damaged : status::all;
}

std::vector<std::string> remarks(const read_counts& counts) {
  std::vector<std::string> lines;
  const auto of_all = [&](std::uint64_t part, std::uint64_t least_percent) {
    return part > 0 && 100 * part >= least_percent * counts.reads;
  };
  const auto adapters = counts.adapter.empty() ? std::string{"adapters, or other strands"} : counts.adapter;
  if (of_all(counts.flanked, 1))
    lines.push_back(fmt::format("{} reads have bases outside the primers, {} on average ({}): they were cut off",
                                counts.flanked, counts.flank_nt / counts.flanked, adapters));
  if (counts.further > 0) lines.push_back(fmt::format("{} more strands stood in reads of several", counts.further));
  if (of_all(counts.cut_short, 5))
    lines.push_back(fmt::format(
        "{} reads have only one of the primers: are they one of two mates? --pair R1 R2 joins them", counts.cut_short));
  if (of_all(counts.without_primers, 5)) {
    auto line = fmt::format("{} reads are without these primers, the first of them is \"{:.80}\"",
                            counts.without_primers, counts.first_without);
    if (2 * counts.fit_trimmed > counts.tried_trimmed && counts.fit_trimmed > 0)
      line += "; they read like strands whose primers were cut off: --trimmed";
    else if (!counts.adapter.empty())
      line += fmt::format("; some have a {}", counts.adapter);
    lines.push_back(std::move(line));
  }
  return lines;
}

nlohmann::ordered_json report(const read_counts& counts, const std::vector<decoded_partition>& all,
                              const std::vector<joined_file>& joined, const std::vector<std::string>& damaged,
                              status how) {
  nlohmann::ordered_json out{{"status", static_cast<int>(how)},
                             {"reads", counts.reads},
                             {"sorted", counts.sorted()},
                             {"without_primers", counts.without_primers},
                             {"without_address", counts.without_address},
                             {"reversed", counts.reversed},
                             {"flanked", counts.flanked},
                             {"cut_short", counts.cut_short},
                             {"further_strands", counts.further},
                             {"damaged_files", damaged},
                             {"remarks", remarks(counts)}};
  if (!joined.empty()) {
    auto& list = out["spread_files"] = nlohmann::ordered_json::array();
    for (const auto& one : joined) list.push_back({{"path", shown(one.path)}, {"reason", one.reason}});
  }
  auto partitions = nlohmann::ordered_json::array();
  for (const auto& one : all) {
    const auto& found = one.found;
    auto lost = nlohmann::ordered_json::array();
    auto lacking = nlohmann::ordered_json::array();
    for (const auto& each : found.lost) {
      const auto more = more_reads_for(each.id, one.outcomes, counts.sorted());
      lost.push_back({{"path", shown(each.path)},
                      {"block", each.block},
                      {"leaf", each.id.leaf},
                      {"version", each.id.version},
                      {"reads", more.have},
                      {"more_reads", more.of_it},
                      {"more_reads_of_tube", more.of_tube},
                      {"reason", more.reason}});
      lacking.push_back(line_of(each, more));
    }
    partitions.push_back({{"out", shown(one.out.string())},
                          {"journal_read", one.own_journal},
                          {"commit", found.commit},
                          {"doubt", found.doubt},
                          {"restored_blocks", found.restored},
                          {"files", names(found.files, true)},
                          {"pieces", names(found.pieces, true)},
                          {"not_current", names(found.files, false)},
                          {"pieces_not_current", names(found.pieces, false)},
                          {"lost", std::move(lost)},
                          {"lacking", std::move(lacking)},
                          {"left_over", shown_all(one.left_over)},
                          {"unread", shown_all(found.unread)},
                          {"blocks", block_rows(one.outcomes)}});
    if (!one.directory_journals) continue;
    auto& directories = partitions.back()["directories"] = nlohmann::ordered_json::array();
    for (const auto& each : found.journals)
      directories.push_back({{"directory", shown(each.directory)}, {"commit", each.commit}, {"doubt", each.doubt}});
  }
  // Of a single partition as they always stood.
  if (partitions.size() == 1)
    out.update(partitions.front());
  else
    out["partitions"] = std::move(partitions);
  return out;
}

void print(const read_counts& counts, const std::vector<decoded_partition>& all,
           const std::vector<joined_file>& joined) {
  fmt::print("{} reads: {} sorted by molecule, {} without these primers, {} whose address cannot be told\n",
             counts.reads, counts.sorted(), counts.without_primers, counts.without_address);
  for (const auto& line : remarks(counts)) fmt::print("  {}\n", line);
  for (const auto& one : all) print_one(one, counts.sorted());
  for (const auto& one : joined)
    fmt::print(
        "{}: {}\n", shown(one.path),
        one.reason.empty() ? "joined from its parts" : "not joined: " + one.reason + "; are all its stores named?");
}

}  // namespace chromatin::dna
