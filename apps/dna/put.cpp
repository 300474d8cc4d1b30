/// chromatin dna put, update, rm: what changes a store.

#include <algorithm>
#include <iostream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "apps/dna/open_store.hpp"
#include "apps/dna/over.hpp"
#include "dna/partition/files.hpp"
#include "io/progress.hpp"

namespace chromatin::dna {
namespace {

namespace fs = std::filesystem;

struct put_flags {
  store_flags store;
  std::vector<fs::path> files;
  std::string as, compress;
  std::vector<fs::path> over;
};

struct update_flags {
  store_flags store;
  std::string path;
  std::string file;
  std::vector<fs::path> over;
};

byte_string bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

/// The file, or every file below the folder in the order of their paths.
void gather(const fs::path& from, const std::string& as, std::vector<new_file>& files) {
  if (!fs::is_directory(from)) {
    files.push_back({as, bytes_of(read_file(from))});
    return;
  }
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator{from})
    if (entry.is_regular_file()) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  for (const auto& file : found)
    files.push_back({as + "/" + file.lexically_relative(from).generic_string(), bytes_of(read_file(file))});
}

void say(const store_flags& flags, const store& now, const std::vector<block>& added, std::string_view what) {
  const auto strands = added.size() * now.layout().geometry().molecules();
  if (flags.json) {
    nlohmann::ordered_json out{{"commit", now.contents().last_commit()},
                               {"blocks", added.size()},
                               {"strands", strands},
                               {"strands_to_order", now.strand_count() - now.ordered()},
                               {"free_leaves", now.contents().free_leaves()}};
    fmt::print("{}\n", out.dump(2));
    return;
  }
  if (added.empty()) {
    fmt::print("{}: nothing changed\n", what);
    return;
  }
  fmt::print("{}: commit {}, {} blocks, {} strands; {} to order; {} of {} leaves are free\n", what,
             now.contents().last_commit(), added.size(), strands, now.strand_count() - now.ordered(),
             now.contents().free_leaves(), now.layout().geometry().leaves());
}

void put(const put_flags& flags) {
  if (!flags.as.empty() && flags.files.size() > 1)
    throw std::runtime_error{"--as names one file or folder: put the others with commands of their own"};
  std::vector<new_file> files;
  for (const auto& file : flags.files) {
    auto name = fs::absolute(file).lexically_normal();
    if (name.filename().empty()) name = name.parent_path();
    gather(file, flags.as.empty() ? name.filename().string() : flags.as, files);
  }
  if (files.empty()) throw std::runtime_error{fmt::format("{} has no files", flags.files.front().string())};
  for (auto& one : files) one.compress = flags.compress == "zstd";
  if (!flags.over.empty()) {
    if (files.size() > 1)
      throw std::runtime_error{"--over spreads one file: put the others with commands of their own"};
    auto all = open_all(flags.store.folder, flags.over, store::access::write);
    const auto parts = io::waiting("encoding", [&] { return put_over(all, files.front()); });
    if (flags.store.json)
      fmt::print("{}\n", nlohmann::ordered_json{{"parts", parts}}.dump(2));
    else
      fmt::print("{}: {} parts, a store each\n", files.front().path, parts);
    return;
  }
  auto into = open_store(flags.store.folder, store::access::write);
  const auto added = io::waiting("encoding", [&] { return into.put(files); });
  say(flags.store, into, added, fmt::format("{} files", files.size()));
}

void update(const update_flags& flags) {
  const auto text =
      flags.file == "-" ? std::string{std::istreambuf_iterator<char>{std::cin}, {}} : read_file(flags.file);
  if (!flags.over.empty()) {
    auto all = open_all(flags.store.folder, flags.over, store::access::write);
    io::waiting("encoding", [&] { update_over(all, flags.path, bytes_of(text)); });
    if (!flags.store.json) fmt::print("{}: {} parts\n", flags.path, all.size());
    return;
  }
  auto into = open_store(flags.store.folder, store::access::write);
  const auto added = io::waiting("encoding", [&] { return into.update(flags.path, bytes_of(text)); });
  say(flags.store, into, added, flags.path);
}

}  // namespace

void add_put_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("put", "Put files or folders into a store, as one commit");
  auto flags = std::make_shared<put_flags>();
  add_store_flags(*command, flags->store);
  command->add_option("FILE", flags->files, "files and folders")->required()->check(CLI::ExistingPath);
  command->add_option("--as", flags->as, "path in the partition (default: the file's name)");
  command->add_option("--compress", flags->compress, "keep files as zstd frames, which get and decode undo")
      ->check(CLI::IsMember({"none", "zstd"}));
  command->add_option("--over", flags->over, "more stores, for a file that does not fit one: each gets a part");
  command->callback([flags] { put(*flags); });
}

void add_update_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("update", "Give a file new content: only what changed is written, as patches");
  auto flags = std::make_shared<update_flags>();
  add_store_flags(*command, flags->store);
  command->add_option("PATH", flags->path, "file in the partition")->required();
  command->add_option("FILE", flags->file, "its new content; - reads it from the standard input")->required();
  command->add_option("--over", flags->over, "the other stores that have parts of it, in order");
  command->callback([flags] { update(*flags); });
}

void add_rm_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("rm", "Says why nothing can be removed, and what to do instead");
  auto flags = std::make_shared<update_flags>();
  add_store_flags(*command, flags->store);
  command->add_option("PATH", flags->path, "file in the partition")->required();
  command->callback([flags] { open_store(flags->store.folder, store::access::read).contents().remove(flags->path); });
}

}  // namespace chromatin::dna
