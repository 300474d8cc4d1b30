/// chromatin dna decode: reads of an instrument to files.

#include <algorithm>
#include <fstream>
#include <iterator>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "apps/dna/progress.hpp"
#include "dna/reads/pipeline.hpp"

namespace chromatin::dna {
namespace {

namespace fs = std::filesystem;

struct decode_flags {
  fs::path partition, out;
  std::vector<fs::path> reads;
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  bool json = false;
};

partition_description description_of(const fs::path& given) {
  const auto file = fs::is_directory(given) ? given / "partition.toml" : given;
  std::ifstream in{file};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (text.empty()) throw std::runtime_error{file.string() + ": cannot be read; name a store or its partition.toml"};
  return description_from_toml(text, file.string());
}

/// Directories and names of the store, for reads that have no journal among them. Nothing else of it is used.
std::vector<block> journal_of(const fs::path& given) {
  std::vector<block> journal;
  if (!fs::exists(given / "oligos.fa")) return journal;
  const auto known = store::open(given, store::access::read);
  for (const auto& [id, one] : known.contents().blocks())
    if (one.kind == block_kind::journal) journal.push_back(one);
  return journal;
}

void write_bytes(const fs::path& file, const byte_string& content) {
  fs::create_directories(file.parent_path());
  std::ofstream out{file, std::ios::binary};
  out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  if (!out.flush()) throw std::runtime_error{file.string() + ": cannot be written"};
}

struct result {
  std::vector<std::string> files, pieces, lacking;
};

/// Whole files where every block is there; otherwise the blocks that are, as FILE.block-N.
result write_files(const partition& found, const fs::path& out) {
  result made;
  for (const auto& one : found.list()) {
    if (one.directory) continue;
    const auto reading = found.get(one.path);
    if (reading.content) {
      write_bytes(out / one.path, *reading.content);
      made.files.push_back(one.path);
      continue;
    }
    std::size_t there = 0;
    for (std::size_t i = 0; i < one.blocks.size(); ++i) {
      if (!found.blocks().contains({one.blocks[i].leaf, 0})) continue;
      const auto piece = found.leaf(one.blocks[i].leaf);
      if (!piece.content) continue;
      const auto name = fmt::format("{}.block-{}", one.path, i);
      write_bytes(out / name, *piece.content);
      made.pieces.push_back(name);
      ++there;
    }
    if (there > 0)
      made.lacking.push_back(fmt::format("{}: {} of {} blocks were read", one.path, there, one.blocks.size()));
  }
  return made;
}

void print_json(const pipeline& reading, const std::vector<block_outcome>& outcomes, const result& made,
                bool own_journal) {
  auto blocks = nlohmann::ordered_json::array();
  for (const auto& one : outcomes)
    blocks.push_back({{"leaf", one.id.leaf},
                      {"version", one.id.version},
                      {"decoded", one.decoded.has_value()},
                      {"trace", one.trace},
                      {"reads", one.reads},
                      {"foreign_reads", one.foreign_reads},
                      {"molecules", one.molecules},
                      {"reason", one.reason}});
  const auto& counts = reading.counts();
  fmt::print("{}\n", nlohmann::ordered_json{{"reads", counts.reads},
                                            {"sorted", counts.sorted()},
                                            {"without_primers", counts.without_primers},
                                            {"without_address", counts.without_address},
                                            {"reversed", counts.reversed},
                                            {"journal_read", own_journal},
                                            {"files", made.files},
                                            {"pieces", made.pieces},
                                            {"lacking", made.lacking},
                                            {"blocks", blocks}}
                         .dump(2));
}

void print_text(const pipeline& reading, const std::vector<block_outcome>& outcomes, const result& made,
                bool own_journal, const fs::path& out) {
  const auto& counts = reading.counts();
  std::size_t decoded = 0, traces = 0;
  for (const auto& one : outcomes) {
    decoded += one.decoded.has_value();
    traces += one.trace;
  }
  fmt::print("{} reads: {} sorted by molecule, {} without these primers, {} whose address cannot be told\n",
             counts.reads, counts.sorted(), counts.without_primers, counts.without_address);
  fmt::print("{} blocks decoded, {} not, traces of {} others\n", decoded, outcomes.size() - decoded - traces, traces);
  for (const auto& one : outcomes)
    if (!one.decoded && !one.trace) fmt::print("  {}\n", one.reason);
  if (!own_journal) fmt::print("the journal was not among the reads: names are those the store knows\n");
  fmt::print("{}: {} files whole, {} single blocks\n", out.string(), made.files.size(), made.pieces.size());
  for (const auto& one : made.lacking) fmt::print("  {}\n", one);
}

void decode(const decode_flags& flags) {
  const auto description = description_of(flags.partition);
  const strand_layout layout{description};
  const block_codec codec{layout};
  pipeline reading{{&codec}, flags.threads};
  progress_line line{"reads"};
  for (const auto& file : flags.reads) reading.add(file, [&](std::uint64_t done) { line.show(done); });
  const auto outcomes =
      reading.decode(0, erasure_use::full, [&](std::size_t done, std::size_t all) { line.show(done, all); });
  std::vector<block> blocks;
  bool own_journal = false;
  for (const auto& one : outcomes)
    if (one.decoded) {
      blocks.push_back(*one.decoded);
      own_journal = own_journal || one.id == block_id{0, 0};
    }
  const bool anything = !blocks.empty();
  if (!own_journal)
    for (auto& one : journal_of(flags.partition)) blocks.push_back(std::move(one));
  const partition found{description, std::move(blocks)};
  const auto made = write_files(found, flags.out);
  if (flags.json)
    print_json(reading, outcomes, made, own_journal);
  else
    print_text(reading, outcomes, made, own_journal, flags.out);
  if (!anything)
    throw std::runtime_error{reading.counts().sorted() == 0
                                 ? "no read is of this partition: are these its primers?"
                                 : "no block could be decoded: see above what it would take"};
}

}  // namespace

void add_decode_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("decode", "Turn reads into files again");
  auto flags = std::make_shared<decode_flags>();
  command->add_option("STORE", flags->partition, "folder of the store, or only its partition.toml")->required();
  command->add_option("READS", flags->reads, "reads: FASTQ, FASTA, BAM or text; plain or gzip")->required();
  command->add_option("--out", flags->out, "folder to write files into")->required();
  command->add_option("--threads", flags->threads)->capture_default_str()->check(CLI::Range(1, 1024));
  command->add_flag("--json", flags->json, "say what was done as JSON, block by block");
  command->footer(
      "Only blocks whose checksum is right are used. A file that was read in part gives FILE.block-N for its blocks.");
  command->callback([flags] { decode(*flags); });
}

}  // namespace chromatin::dna
