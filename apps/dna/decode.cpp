/// chromatin dna decode: reads of an instrument to files.

#include <algorithm>
#include <fstream>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/decode_report.hpp"
#include "apps/dna/dna.hpp"
#include "io/progress.hpp"
#include "apps/dna/shown.hpp"
#include "dna/partition/files.hpp"
#include "dna/partition/journal_end.hpp"
#include "dna/partition/parts.hpp"

namespace chromatin::dna {
namespace {

namespace fs = std::filesystem;

struct decode_flags {
  std::vector<fs::path> inputs;
  fs::path out;
  std::vector<fs::path> pair;
  std::optional<std::uint32_t> commits;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  bool json = false, trimmed = false;
};

/// One tube: how it is read, and what its store knows of it.
struct tube {
  explicit tube(const fs::path& given) : name{given} {
    const auto file = fs::is_directory(given) ? given / "partition.toml" : given;
    if (!fs::exists(file))
      throw std::runtime_error{file.string() + ": cannot be read; name a store or its partition.toml"};
    const auto text = read_file(file);
    layout = std::make_unique<strand_layout>(description_from_toml(text, file.string()));
    codec = std::make_unique<block_codec>(*layout);
    if (const auto note = contents_from_toml(text, file.string())) commits = note->commits;
    if (!fs::exists(given / "oligos.fa")) return;
    const auto known = store::open(given, store::access::read);
    commits = known.contents().last_commit();
    for (const auto& [id, one] : known.contents().blocks())
      if (one.kind == block_kind::journal) journal.push_back(one);
  }

  fs::path name;
  std::unique_ptr<strand_layout> layout;
  std::unique_ptr<block_codec> codec;
  std::optional<std::uint32_t> commits;
  std::vector<block> journal;  ///< directories and names; nothing else of a store is used
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

std::optional<std::uint32_t> known_commits(const tube& from, const decode_flags& flags) {
  return flags.commits ? flags.commits : from.commits;
}

/// Blocks of the reads, with the store's journal where theirs is not among them.
decoded_partition decode_one(const tube& from, std::size_t number, const pipeline& reading, const decode_flags& flags,
                             io::progress_line& line) {
  decoded_partition made;
  made.outcomes = reading.decode(number, erasure_use::full,
                                 [&](std::size_t done, std::size_t all) { line.show("blocks", done, all); });
  std::vector<block> blocks;
  for (const auto& one : made.outcomes)
    if (one.decoded) {
      blocks.push_back(*one.decoded);
      made.own_journal = made.own_journal || one.decoded->kind == block_kind::journal;
    }
  made.store_journal = !from.journal.empty();
  blocks.insert(blocks.end(), from.journal.begin(), from.journal.end());
  const partition found{from.layout->partition(), std::move(blocks)};
  // Where everything written is known, reads of anything else are strays.
  const auto written = found.written();
  if (found.journal_damage().empty() && known_commits(from, flags) == found.last_commit())
    for (auto& one : made.outcomes) one.trace = one.trace || (!one.decoded && !written.contains(one.id));
  commit_knowledge known{known_commits(from, flags), {}};
  if (known.commits != found.last_commit()) {
    reading.explain(number, made.outcomes);
    known.doubt = doubt_of_end(found, made.outcomes);
  }
  made.found = recover(found, known);
  return made;
}

/// What is in a file that was cut short counts all the same.
std::vector<std::string> read_all(pipeline& reading, const std::vector<fs::path>& files, const decode_flags& flags,
                                  io::progress_line& line) {
  std::vector<std::string> damaged;
  const auto progress = [&](std::uint64_t done) { line.show(done); };
  const auto attempt = [&](auto&& read) {
    const auto before = reading.counts().reads;
    try {
      read();
    } catch (const reads_error& error) {
      if (reading.counts().reads == before) throw;
      damaged.emplace_back(error.what());
    }
  };
  for (const auto& file : files) attempt([&] { reading.add(file, progress); });
  if (!flags.pair.empty()) attempt([&] { reading.add_pairs(flags.pair[0], flags.pair[1], progress); });
  return damaged;
}

void decode(const decode_flags& flags) {
  std::vector<tube> tubes;
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
  std::vector<const block_codec*> codecs;
  for (const auto& one : tubes) codecs.push_back(one.codec.get());
  pipeline reading{codecs, flags.threads, {.trimmed = flags.trimmed}};
  io::progress_line line{"reads"};
  const auto damaged = read_all(reading, reads, flags, line);
  std::vector<decoded_partition> all;
  for (std::size_t i = 0; i < tubes.size(); ++i) {
    all.push_back(decode_one(tubes[i], i, reading, flags, line));
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
