/// chromatin dna ls, history: what is in a store, and how it came there.

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "apps/dna/open_store.hpp"
#include "apps/dna/shown.hpp"
#include "io/progress.hpp"

namespace chromatin::dna {
namespace {

struct list_flags {
  store_flags store;
  std::string path = ".";
  std::optional<std::uint32_t> at;
};

std::uint32_t patches_of(const entry& one) {
  std::uint32_t patches = 0;
  for (const auto& block : one.blocks) patches += block.patches();
  return patches;
}

/// 64-113, 120: leaves as runs.
std::string runs_of(std::vector<std::uint32_t> leaves) {
  std::sort(leaves.begin(), leaves.end());
  std::string text;
  for (std::size_t i = 0; i < leaves.size();) {
    auto end = i + 1;
    while (end < leaves.size() && leaves[end] == leaves[end - 1] + 1) ++end;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", leaves[i]);
    if (end - i > 1) text += fmt::format("-{}", leaves[end - 1]);
    i = end;
  }
  return text;
}

std::vector<std::uint32_t> leaves_of(const entry& one) {
  std::vector<std::uint32_t> leaves;
  for (const auto& block : one.blocks) leaves.push_back(block.leaf);
  return leaves;
}

/// Strands that were ever written for it: its blocks, their patches and what they replaced, and their parity.
std::uint64_t cost_of(const partition& from, const entry& one) {
  std::uint64_t blocks = 0;
  for (const auto& commit : from.history(one.path))
    for (const auto& change : commit.changes) blocks += change.blocks.size();
  return blocks * from.description().geometry.molecules();
}

/// What `ls` prints.
std::string listing(const partition& from, const list_flags& flags) {
  const auto root = from.find(flags.path == "." ? "" : flags.path, flags.at);
  if (!root)
    throw std::runtime_error{
        fmt::format("there is no \"{}\": ls {} shows what is there", flags.path, flags.store.folder.string())};
  const auto above = root->path.empty() ? std::string{} : root->path + "/";
  auto out = nlohmann::ordered_json::array();
  std::string lines;
  for (const auto& one : from.list(flags.at)) {
    if (one.path != root->path && !one.path.starts_with(above)) continue;
    if (flags.store.json)
      out.push_back({{"path", shown(one.path)},
                     {"strands", cost_of(from, one)},
                     {"nt", cost_of(from, one) * from.description().geometry.strand_nt()},
                     {"directory", one.directory},
                     {"compressed", one.compressed},
                     {"size_bytes", one.size_bytes},
                     {"commit", one.commit},
                     {"blocks", one.blocks.size()},
                     {"patches", patches_of(one)},
                     {"leaves", leaves_of(one)}});
    else if (one.directory)
      lines += fmt::format("{:>10}  {:>6}  {}/\n", "", "", shown(one.path));
    else
      lines += fmt::format("{:>10}  {:>6}  {:<32}  {} blocks, {} patches, {} strands, leaves {}{}\n", one.size_bytes,
                           fmt::format("c{}", one.commit), shown(one.path), one.blocks.size(), patches_of(one),
                           cost_of(from, one), runs_of(leaves_of(one)), one.compressed ? ", zstd" : "");
  }
  return flags.store.json ? out.dump(2) + '\n' : lines;
}

void ls(const list_flags& flags) {
  const auto opened = open_store(flags.store.folder, store::access::read);
  fmt::print("{}", io::waiting("listing", [&] { return listing(opened.contents(), flags); }));
}

void history(const list_flags& flags) {
  const auto opened = open_store(flags.store.folder, store::access::read);
  auto out = nlohmann::ordered_json::array();
  for (const auto& commit : opened.contents().history(flags.path == "." ? "" : flags.path)) {
    auto changes = nlohmann::ordered_json::array();
    for (const auto& change : commit.changes)
      changes.push_back({{"action", change.action},
                         {"path", shown(change.path)},
                         {"size_bytes", change.size_bytes},
                         {"blocks", change.blocks.size()}});
    if (flags.store.json) {
      out.push_back({{"commit", commit.number}, {"changes", changes}, {"journal_blocks", commit.journal.size()}});
      continue;
    }
    for (const auto& change : commit.changes)
      fmt::print("{:>6}  {:<9}  {:<32}  {} bytes, {} blocks\n", fmt::format("c{}", commit.number), change.action,
                 shown(change.path), change.size_bytes, change.blocks.size());
  }
  if (flags.store.json) fmt::print("{}\n", out.dump(2));
}

}  // namespace

void add_ls_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("ls", "List files with size, commit, and where they are");
  auto flags = std::make_shared<list_flags>();
  add_store_flags(*command, flags->store);
  command->add_option("PATH", flags->path, "file or directory; . is everything")->capture_default_str();
  command->add_option("--at", flags->at, "commit (default: the last)");
  command->callback([flags] { ls(*flags); });
}

void add_history_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("history", "List the commits that changed a file or directory");
  auto flags = std::make_shared<list_flags>();
  add_store_flags(*command, flags->store);
  command->add_option("PATH", flags->path, "file or directory; . is everything")->capture_default_str();
  command->callback([flags] { history(*flags); });
}

}  // namespace chromatin::dna
