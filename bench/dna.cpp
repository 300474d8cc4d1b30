/// chromatin bench dna: precision, reliability, speed and density of the DNA tier, and what real reads give.

#include "bench/dna.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/commands.hpp"
#include "bench/measure.hpp"
#include "io/progress.hpp"

namespace chromatin::bench {
namespace {

struct dna_flags {
  dna_setup setup;
  std::filesystem::path book;  ///< folder of its chapters
  std::string json;
  std::vector<std::string> parts;
};

constexpr std::pair<const char*, nlohmann::ordered_json (*)(const dna_setup&)> dna_parts[] = {
    {"precision", dna_precision}, {"reliability", dna_reliability}, {"trials", dna_trials},   {"channel", dna_channel},
    {"speed", dna_speed},         {"real-reads", dna_real_reads},   {"carried", dna_carried}, {"density", dna_density}};

std::filesystem::path shared_folder() {
  const auto* named = std::getenv("CHROMATIN_SHARED");
  return named ? std::filesystem::path{named} : std::filesystem::path{CHROMATIN_SOURCE_DIR} / "../shared";
}

/// The chapters, put together.
std::vector<std::uint8_t> bytes_of(const std::filesystem::path& folder) {
  const std::set<std::filesystem::path> chapters{std::filesystem::directory_iterator{folder}, {}};
  std::vector<std::uint8_t> text;
  for (const auto& file : chapters) {
    std::ifstream in{file, std::ios::binary};
    text.insert(text.end(), std::istreambuf_iterator<char>{in}, {});
  }
  if (text.empty()) throw std::runtime_error{folder.string() + ": cannot be read"};
  return text;
}

void run(dna_flags& chosen) {
  chosen.setup.text = bytes_of(chosen.book);
  chosen.setup.real_reads = shared_folder() / "data/dna";
  nlohmann::ordered_json json{{"machine", machine()}, {"seed", chosen.setup.seed}, {"quick", chosen.setup.quick}};
  fmt::print("{}; seed {}{}\n", machine(), chosen.setup.seed, chosen.setup.quick ? "; quick: few runs" : "");
  for (const auto& [name, part] : dna_parts) {
    if (!chosen.parts.empty() && std::find(chosen.parts.begin(), chosen.parts.end(), name) == chosen.parts.end())
      continue;
    const double seconds = seconds_of([&, name = name, part = part] { json[name] = part(chosen.setup); });
    fmt::print("  ({:.0f} s)\n", seconds);
  }
  write_json(chosen.json, json);
}

}  // namespace

const dna::strand_layout& dna_layout() {
  static const dna::strand_layout layout{
      dna::describe(dna::built_in_profile("150nt"), {"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"})};
  return layout;
}

const dna::block_codec& dna_codec() {
  static const dna::block_codec codec{dna_layout()};
  return codec;
}

std::vector<dna::block> text_blocks(const dna_setup& setup) {
  std::vector<dna::block> blocks;
  const auto size = dna_layout().geometry().block_bytes();
  for (std::size_t at = 0; at < setup.text.size(); at += size) {
    const auto begin = setup.text.begin() + static_cast<std::ptrdiff_t>(at);
    const auto count = std::min<std::size_t>(size, setup.text.size() - at);
    blocks.push_back({{static_cast<std::uint32_t>(blocks.size()), 0},
                      dna::block_kind::data,
                      {begin, begin + static_cast<std::ptrdiff_t>(count)}});
  }
  return blocks;
}

std::vector<std::string> strands_of(const std::vector<dna::block>& blocks) {
  std::vector<std::string> strands;
  for (const auto& one : blocks)
    for (auto& strand : dna_codec().encode(one)) strands.push_back(std::move(strand));
  return strands;
}

std::uint64_t run_seed(const dna_setup& setup, std::string_view part, std::uint64_t run) {
  // splitmix64 over all three.
  auto mixed = setup.seed;
  const auto mix = [&](std::uint64_t with) {
    mixed += 0x9e3779b97f4a7c15ULL + with;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebULL;
    mixed ^= mixed >> 31;
  };
  for (const char letter : part) mix(static_cast<unsigned char>(letter));
  mix(run);
  return mixed;
}

void for_each_run(const dna_setup& setup, std::size_t count, const std::function<void(std::size_t)>& one) {
  std::atomic<std::size_t> next{0};
  std::vector<std::jthread> workers;
  for (unsigned t = 0; t < setup.threads; ++t)
    workers.emplace_back([&] {
      for (std::size_t run; (run = next++) < count;) one(run);
    });
}

std::pair<double, double> interval(std::uint64_t right, std::uint64_t all) {
  const double n = static_cast<double>(all), p = static_cast<double>(right) / n, z = 1.96;
  const double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {middle - half, middle + half};
}

void show_progress(const std::string& what, std::size_t done, std::size_t total) {
  static io::progress_line line;
  done < total ? line.show(what, done, total) : line.take_away();
}

void add_dna(CLI::App& bench, const std::filesystem::path& embedded) {
  auto* command = bench.add_subcommand("dna", "The DNA tier: precision, reliability, speed, real reads, density");
  auto chosen = std::make_shared<dna_flags>();
  chosen->book = embedded.parent_path() / "alice/chapters";
  chosen->setup.threads = std::max(1U, std::thread::hardware_concurrency());
  command
      ->add_option("--only", chosen->parts,
                   "precision, reliability, trials, channel, speed, real-reads, carried, density; may be repeated")
      ->check(CLI::IsMember(
          {"precision", "reliability", "trials", "channel", "speed", "real-reads", "carried", "density"}));
  command->add_flag("--quick", chosen->setup.quick, "few runs: seconds instead of minutes, figures to match");
  command->add_option("--threads", chosen->setup.threads, "that compute (default: one per core)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--seed", chosen->setup.seed, "of everything random")->capture_default_str();
  command->add_option("--tool", chosen->setup.tool,
                      "for the part channel: a command that gets a FASTA of strands and a file to write reads to");
  command->add_option("--json", chosen->json, "write the figures to this file");
  command->footer("Real reads are looked for in data/dna of the folder that CHROMATIN_SHARED names.");
  command->callback([chosen] { run(*chosen); });
}

}  // namespace chromatin::bench
