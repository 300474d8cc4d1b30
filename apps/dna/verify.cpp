/// chromatin dna verify: whether what a store holds can be read, file by file.

#include <algorithm>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "apps/dna/open_store.hpp"
#include "apps/dna/shown.hpp"
#include "apps/dna/tube_reading.hpp"

namespace chromatin::dna {
namespace {

namespace fs = std::filesystem;

struct verify_flags {
  store_flags store;
  std::vector<fs::path> reads;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
};

/// What became of a file.
struct verdict {
  std::string path;
  std::string state;  ///< intact, older, missing or different
  std::string detail;
};

/// `truth`: what the store has; null where it could not be opened.
verdict judge(const entry& file, const recovery& found, const partition* truth) {
  for (const auto& one : found.files) {
    if (one.name != file.path || !one.current) continue;
    if (truth && truth->get(file.path).content != one.content)
      return {file.path, "different", "whole, but not what the store has"};
    return {file.path, "intact", ""};
  }
  std::string detail;
  for (const auto& one : found.lost)
    if (one.path == file.path)
      detail += fmt::format("{}block {} ({})", detail.empty() ? "" : ", ", one.block, text_of(one.id));
  const auto older = file.path + ".as-of-commit-";
  for (const auto& one : found.files)
    if (one.name.starts_with(older))
      return {file.path, "older", fmt::format("as of commit {}", one.name.substr(older.size()))};
  return {file.path, "missing", detail.empty() ? "none of its blocks was read" : detail};
}

std::vector<verdict> judge_all(const recovery& found, const partition* truth) {
  std::vector<verdict> all;
  std::vector<entry> files;
  if (truth) files = truth->list();
  // Without the store, what the strands themselves tell of.
  if (!truth) {
    for (const auto& one : found.files)
      if (one.current) files.push_back({.path = one.name, .blocks = {}});
    for (const auto& path : found.held_back) files.push_back({.path = path, .blocks = {}});
    for (const auto& path : found.unread)
      if (std::find(found.held_back.begin(), found.held_back.end(), path) == found.held_back.end())
        files.push_back({.path = path, .blocks = {}});
  }
  for (const auto& one : files)
    if (!one.directory) all.push_back(judge(one, found, truth));
  return all;
}

status status_with(status how, const std::vector<verdict>& all, bool damaged) {
  const auto any = [&](std::string_view state) {
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.state == state; });
  };
  if (how == status::nothing) return how;
  if (how == status::not_current || any("older") || any("different")) return status::not_current;
  if (any("missing")) return status::part;
  if (how == status::part && all.empty()) return damaged ? how : status::all;
  return damaged ? status::reads_damaged : how;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.find('/');
  return slash == path.npos ? std::string{} : path.substr(0, slash);
}

using by_directory = std::map<std::string, std::vector<verdict>>;

void print(const by_directory& all, const std::string& damage, const std::string& doubt, std::uint64_t blocks) {
  if (!damage.empty()) fmt::print("the store cannot be opened: {}\n", damage);
  fmt::print("{} blocks decoded\n", blocks);
  if (!doubt.empty()) fmt::print("not known to be the newest: {}\n", doubt);
  for (const auto& [name, files] : all) {
    const auto intact =
        std::count_if(files.begin(), files.end(), [](const auto& one) { return one.state == "intact"; });
    fmt::print("{:<32}  {} of {} files intact\n", name.empty() ? "." : shown(name) + "/", intact, files.size());
    for (const auto& one : files)
      if (one.state != "intact") fmt::print("  {:<9}  {}: {}\n", one.state, shown(one.path), one.detail);
  }
}

nlohmann::ordered_json to_json(const by_directory& all) {
  auto directories = nlohmann::ordered_json::array();
  for (const auto& [name, files] : all) {
    auto rows = nlohmann::ordered_json::array();
    for (const auto& one : files)
      rows.push_back({{"path", shown(one.path)}, {"state", one.state}, {"detail", one.detail}});
    directories.push_back({{"directory", shown(name)}, {"files", std::move(rows)}});
  }
  return directories;
}

void verify(const verify_flags& flags) {
  std::optional<store> truth;
  std::string damage;
  const auto& folder = flags.store.folder;
  try {
    truth.emplace(open_store(folder, store::access::read));
  } catch (const store_error& error) {
    damage = error.what();
  } catch (const reads_error& error) {
    damage = error.what();
  }
  const known_tube tube{truth ? folder : folder / "partition.toml"};
  pipeline reading{{tube.codec.get()}, flags.threads};
  io::progress_line line{"reads"};
  const auto sources = flags.reads.empty() ? std::vector{folder / "oligos.fa"} : flags.reads;
  const auto damaged = read_all(reading, sources, {}, line);
  const std::vector<decoded_partition> read{decode_tube(tube, 0, reading, "", line)};
  line.take_away();
  const auto verdicts = judge_all(read.front().found, truth ? &truth->contents() : nullptr);
  const auto how = status_with(status_of(read, {}, !damaged.empty()), verdicts, !damage.empty() || !damaged.empty());
  by_directory all;
  for (const auto& one : verdicts) all[directory_of(one.path)].push_back(one);
  const auto& found = read.front().found;
  const auto blocks = static_cast<std::uint64_t>(std::count_if(
      read.front().outcomes.begin(), read.front().outcomes.end(), [](auto& one) { return !!one.decoded; }));
  if (flags.store.json)
    fmt::print("{}\n", nlohmann::ordered_json{{"status", static_cast<int>(how)},
                                              {"store_damage", damage},
                                              {"damaged_files", damaged},
                                              {"reads", reading.counts().reads},
                                              {"blocks", blocks},
                                              {"commit", found.commit},
                                              {"doubt", found.doubt},
                                              {"directories", to_json(all)}}
                           .dump(2));
  else
    print(all, damage, found.doubt, blocks);
  for (const auto& one : damaged) fmt::print(stderr, "warning: {}; what stood before it was read\n", one);
  end_with(how);
}

}  // namespace

void add_verify_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("verify", "Decode a store's strands, and say file by file what is intact");
  auto flags = std::make_shared<verify_flags>();
  add_store_flags(*command, flags->store);
  command->add_option("--reads", flags->reads,
                      "reads of the tube to look at (default: the store's strands as they are ordered)");
  command->add_option("--threads", flags->threads, "that compute (default: one per core)")->check(CLI::Range(1, 1024));
  command->footer(
      "A file is intact, older (whole, as of a commit before its last), missing (some of its blocks) or different "
      "(whole, but not what the store has).\nEnds as decode does: 0 all intact, 3 some missing, 4 nothing read, 5 "
      "older "
      "or different, 6 all, though a file was damaged.");
  command->callback([flags] { verify(*flags); });
}

}  // namespace chromatin::dna
