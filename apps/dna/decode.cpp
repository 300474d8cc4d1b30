/// chromatin dna decode: reads of an instrument to files.

#include <algorithm>
#include <fstream>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "apps/dna/shown.hpp"
#include "apps/dna/tube_reading.hpp"
#include "dna/partition/parts.hpp"

namespace chromatin::dna {
namespace {

namespace fs = std::filesystem;

struct decode_flags {
  std::vector<fs::path> inputs;
  fs::path out;
  std::vector<fs::path> pair;
  std::optional<std::uint32_t> commits;
  std::string only;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  bool json = false, trimmed = false;
};

bool names_a_tube(const fs::path& input) { return fs::is_directory(input) || input.extension() == ".toml"; }

void write_all(const std::vector<recovered>& content, const fs::path& out) {
  for (const auto& one : content) {
    const auto file = out / one.name;
    fs::create_directories(file.parent_path());
    std::ofstream stream{file, std::ios::binary};
    stream.write(reinterpret_cast<const char*>(one.content.data()), static_cast<std::streamsize>(one.content.size()));
    if (!stream.flush()) throw std::runtime_error{file.string() + ": cannot be written"};
  }
}

/// Files that are spread over several tubes: those of which every part is whole and the newest are written.
std::vector<joined_file> join_parts(const std::vector<decoded_partition>& all, const fs::path& out) {
  std::map<std::string, std::vector<file_part>> spread;
  for (const auto& tube : all)
    for (const auto& one : tube.found.files) {
      const auto place = parse_part_name(one.name);
      auto part = place && one.current ? decode_part(one.content) : std::nullopt;
      if (part) spread[place->path].push_back(std::move(*part));
    }
  std::vector<joined_file> joined;
  for (const auto& [path, parts] : spread) {
    auto made = join(parts);
    if (made.content) write_all({{path, std::move(*made.content), true}}, out);
    joined.push_back({path, std::move(made.reason)});
  }
  return joined;
}

void decode(const decode_flags& flags) {
  std::vector<known_tube> tubes;
  std::vector<fs::path> reads;
  for (const auto& input : flags.inputs)
    if (names_a_tube(input))
      tubes.emplace_back(input);
    else
      reads.push_back(input);
  if (tubes.empty())
    throw std::runtime_error{
        fmt::format("{} is no store: name the store's folder, or its partition.toml, and then the reads",
                    flags.inputs.front().string())};
  if (reads.empty() && flags.pair.empty())
    throw std::runtime_error{"no reads are named: a file after the store, or --pair"};
  for (const auto& one : tubes)
    if (!flags.only.empty() && !one.layout->geometry().directory_journals)
      throw std::runtime_error{fmt::format(
          "--only: directories of {} have no journals of their own (profile archive has them)", one.name.string())};
  std::vector<const block_codec*> codecs;
  for (const auto& one : tubes) codecs.push_back(one.codec.get());
  pipeline reading{codecs, flags.threads, {.trimmed = flags.trimmed}};
  io::progress_line line{"reads"};
  const auto damaged = read_all(reading, reads, flags.pair, line);
  std::vector<decoded_partition> all;
  for (std::size_t i = 0; i < tubes.size(); ++i) {
    if (flags.commits) tubes[i].commits = flags.commits;
    all.push_back(decode_tube(tubes[i], i, reading, flags.only, line));
    // Several stores have a folder each, called like theirs.
    const auto name = tubes[i].name.extension() == ".toml" ? tubes[i].name.stem()
                                                           : fs::absolute(tubes[i].name).lexically_normal().filename();
    all[i].out = tubes.size() == 1 ? flags.out : flags.out / fmt::format("{}", name.string());
    write_all(all[i].found.files, all[i].out);
    write_all(all[i].found.pieces, all[i].out);
    for (const auto& path : all[i].found.held_back)
      if (fs::exists(all[i].out / path)) all[i].left_over.push_back(path);
  }
  const auto joined = join_parts(all, flags.out);
  const auto how = status_of(all, joined, !damaged.empty());
  if (flags.json)
    fmt::print("{}\n", report(reading.counts(), all, joined, damaged, how).dump(2));
  else
    print(reading.counts(), all, joined);
  for (const auto& one : damaged) fmt::print(stderr, "warning: {}; what stood before it was read\n", one);
  for (const auto& one : all)
    for (const auto& path : one.left_over)
      fmt::print(stderr, "warning: {} stood there before and is not what was read now\n",
                 shown((one.out / path).string()));
  if (how == status::nothing)
    fmt::print(stderr, "chromatin: {}\n",
               reading.counts().reads == 0      ? "no reads in what was named"
               : reading.counts().sorted() == 0 ? "no read is of this partition: are these its primers?"
                                                : "no block could be decoded: see above what it would take");
  end_with(how);
}

}  // namespace

void add_decode_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("decode", "Turn reads into files again");
  auto flags = std::make_shared<decode_flags>();
  command
      ->add_option(
          "STORE READS", flags->inputs,
          "folder of the store, or only its partition.toml, or several; then reads: FASTQ, FASTA, SAM, BAM, CRAM "
          "or text; plain or gzip; - is the standard input")
      ->required();
  command->add_option("--out", flags->out, "folder to write files into; a folder in it for each of several stores")
      ->required();
  command->add_option("--pair", flags->pair, "two files of mates: R1 R2")->expected(2);
  command->add_flag("--trimmed", flags->trimmed, "the primers were cut off the reads by another program");
  command->add_option("--commits", flags->commits,
                      "commits that are in the tube, where neither a store nor partition.toml counts them");
  command->add_option("--only", flags->only,
                      "top-level directory; what else the reads bring is passed over (where directories have journals "
                      "of their own, as in profile archive)");
  command->add_option("--threads", flags->threads, "that compute (default: one per core)")->check(CLI::Range(1, 1024));
  command->add_flag("--json", flags->json, "say what was done as JSON, block by block");
  command->footer(
      "Only blocks whose checksum is right are used. A file that was read in part gives FILE.block-N for its blocks; "
      "what "
      "is not known to be current is called NAME.as-of-commit-N.\n"
      "Ends with 0: all; 3: part; 4: nothing; 5: something may be older than the newest in the tube; 6: all, though a "
      "file "
      "of reads was cut short.");
  command->callback([flags] { decode(*flags); });
}

}  // namespace chromatin::dna
