/// chromatin dna get: files out of a store.

#include <cstdio>

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

struct get_flags {
  store_flags store;
  std::string path;
  fs::path out = "-";
  std::optional<std::uint32_t> at;
  std::vector<fs::path> over;
};

std::string content_of(const partition& from, const std::string& path, std::optional<std::uint32_t> at) {
  const auto reading = from.get(path, at);
  if (!reading.content) throw std::runtime_error{reading.reason};
  return {reading.content->begin(), reading.content->end()};
}

void write(const std::string& content, const fs::path& out) {
  if (out != "-")
    replace_file(out, content);
  else if (std::fwrite(content.data(), 1, content.size(), stdout) != content.size())
    throw std::runtime_error{"the standard output cannot be written to"};
}

void get(const get_flags& flags) {
  if (!flags.over.empty()) {
    const auto content = get_over(open_all(flags.store.folder, flags.over, store::access::read), flags.path, flags.at);
    return write({content.begin(), content.end()}, flags.out);
  }
  const auto opened = open_store(flags.store.folder, store::access::read);
  const auto& from = opened.contents();
  const auto found = from.find(flags.path == "." ? "" : flags.path, flags.at);
  if (!found) throw std::runtime_error{fmt::format("there is no \"{}\": ls shows what is there", flags.path)};
  if (!found->directory) return write(content_of(from, found->path, flags.at), flags.out);
  if (flags.out == "-")
    throw std::runtime_error{fmt::format("\"{}\" is a directory: name a folder with --out", flags.path)};
  const auto above = found->path.empty() ? std::string{} : found->path + "/";
  std::size_t files = 0;
  io::progress_line line{"files written"};
  for (const auto& one : from.list(flags.at)) {
    if (!one.path.starts_with(above) || one.directory) continue;
    const auto file = flags.out / one.path.substr(above.size());
    fs::create_directories(file.parent_path());
    replace_file(file, content_of(from, one.path, flags.at));
    line.show(++files);
  }
  line.take_away();
  if (flags.store.json)
    fmt::print("{}\n", nlohmann::ordered_json{{"files", files}, {"out", flags.out.string()}}.dump(2));
  else
    fmt::print("{} files in {}\n", files, flags.out.string());
}

}  // namespace

void add_get_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("get", "Take a file or directory out of a store, at any commit");
  auto flags = std::make_shared<get_flags>();
  add_store_flags(*command, flags->store);
  command->add_option("PATH", flags->path, "file or directory in the partition; . is everything")->required();
  command->add_option("--out", flags->out, "file or folder to write; - is the standard output")->capture_default_str();
  command->add_option("--at", flags->at, "commit (default: the last)");
  command->add_option("--over", flags->over, "the other stores that have parts of the file");
  command->callback([flags] { get(*flags); });
}

}  // namespace chromatin::dna
