/// chromatin dna cost: what writing a store costs, and reading one block, one path or everything.

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/cost_conversations.hpp"
#include "apps/dna/dna.hpp"
#include "apps/dna/laboratory.hpp"
#include "apps/dna/open_store.hpp"
#include "dna/partition/files.hpp"

namespace chromatin::dna {
namespace {

struct cost_flags {
  store_flags store;
  std::string path;
  double coverage = 10;
  std::optional<double> per_nt, per_million_reads;  ///< instead of the profile's
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> conversations;
  std::string profile = "archive";
  archived_conversations what;
  bool kv = false;
};

profile geometry_of(const cost_flags& flags) {
  auto found = flags.profile.ends_with(".toml") ? profile_from_toml(read_file(flags.profile), flags.profile)
                                                : built_in_profile(flags.profile);
  found.prices.synthesis_per_nt = flags.per_nt.value_or(found.prices.synthesis_per_nt);
  found.prices.per_million_reads = flags.per_million_reads.value_or(found.prices.per_million_reads);
  return found;
}

struct line {
  std::string name;
  std::uint64_t strands = 0;
  double on_target = 1;  ///< simulated, protocol precise
};

class estimate {
 public:
  estimate(const store& from, const cost_flags& flags)
      : from_{from},
        flags_{flags},
        tube_{wetlab::synthesise_partition(from.layout(), strands_of(from), {}, flags.seed)} {}

  line of(std::string name, const std::vector<std::uint32_t>& leaves) const {
    const auto targets = from_.contents().prefixes(leaves);
    const auto result = wetlab::retrieve(tube_, from_.layout(), targets, wetlab::protocol::precise,
                                         wetlab::pooling::apart, {}, flags_.seed);
    const auto found = wetlab::compose(result.product, from_.layout(), targets);
    return {std::move(name), found.by_distance.front().strands, found.on_target_share()};
  }

  double reads(const line& one) const {
    return flags_.coverage * static_cast<double>(one.strands) / std::max(one.on_target, 1e-9);
  }
  double reads_of_everything() const { return flags_.coverage * static_cast<double>(from_.strand_count()); }
  double price(double reads) const { return reads / 1e6 * per_million_reads(); }
  double per_million_reads() const {
    return flags_.per_million_reads.value_or(from_.layout().geometry().prices.per_million_reads);
  }
  double per_nt() const { return flags_.per_nt.value_or(from_.layout().geometry().prices.synthesis_per_nt); }

 private:
  const store& from_;
  const cost_flags& flags_;
  wetlab::tube tube_;
};

/// The path asked for, or else the first file there is.
entry chosen(const partition& from, const std::string& path) {
  if (!path.empty()) {
    const auto found = from.find(path);
    if (!found) throw std::runtime_error{fmt::format("there is no \"{}\": ls shows what is there", path)};
    return *found;
  }
  for (const auto& one : from.list())
    if (!one.directory && !one.blocks.empty()) return one;
  throw std::runtime_error{"the store has no file yet: put one first"};
}

void cost(const cost_flags& flags) {
  if (flags.conversations) {
    auto what = flags.what;
    what.count = *flags.conversations;
    what.coverage = flags.coverage;
    if (!flags.kv) what.kv_bytes_per_token = 0;
    return print_cost(what, geometry_of(flags), flags.store.json);
  }
  if (flags.store.folder.empty()) throw std::runtime_error{"name a store, or say how many --conversations"};
  const auto from = open_store(flags.store.folder, store::access::read);
  const auto path = chosen(from.contents(), flags.path);
  const auto leaves = from.contents().leaves_of(path.path);
  const estimate with{from, flags};
  const line lines[] = {
      with.of("one block", {leaves.front()}), with.of(path.path, leaves), {"everything", from.strand_count(), 1}};
  const auto nt = from.strand_count() * from.layout().geometry().strand_nt();
  const double synthesis = static_cast<double>(nt) * with.per_nt();
  const double all = with.reads_of_everything();
  if (flags.store.json) {
    auto rows = nlohmann::ordered_json::array();
    for (const auto& one : lines)
      rows.push_back({{"what", one.name},
                      {"strands", one.strands},
                      {"on_target_simulated", one.on_target},
                      {"reads_precise", with.reads(one)},
                      {"reads_otherwise", all},
                      {"dollars_precise", with.price(with.reads(one))},
                      {"dollars_otherwise", with.price(all)}});
    fmt::print("{}\n",
               nlohmann::ordered_json{
                   {"strands", from.strand_count()}, {"nt", nt}, {"synthesis_dollars", synthesis}, {"reading", rows}}
                   .dump(2));
    return;
  }
  fmt::print(
      "writing: {} strands, {} nt: ${:.2f} at ${:g} a nucleotide\nreading at {:g} reads a strand, ${:g} a million:\n",
      from.strand_count(), nt, synthesis, with.per_nt(), flags.coverage, with.per_million_reads());
  fmt::print("  {:<26}{:>9}{:>12}{:>16}{:>12}{:>18}{:>8}\n", "", "strands", "on target*", "reads, precise", "dollars",
             "reads, otherwise", "ratio");
  for (const auto& one : lines)
    fmt::print("  {:<26}{:>9}{:>11.1f}%{:>16.0f}{:>12.4f}{:>18.0f}{:>7.0f}x\n", one.name, one.strands,
               100 * one.on_target, with.reads(one), with.price(with.reads(one)), all, all / with.reads(one));
  fmt::print("  * simulated PCR, protocol precise; otherwise: the whole partition is sequenced\n");
}

}  // namespace

void add_cost_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("cost", "What a store costs to write, and to read with and without precise PCR");
  auto flags = std::make_shared<cost_flags>();
  command->add_option("STORE", flags->store.folder, "folder of the store");
  command->add_flag("--json", flags->store.json, "say what was done as JSON");
  command->add_option("PATH", flags->path, "file or directory to read (default: the first file)");
  command->add_option("--coverage", flags->coverage, "reads a strand")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1e6));
  command->add_option("--per-nt", flags->per_nt, "price of synthesis, dollars a nucleotide (default: the profile's)")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--per-million-reads", flags->per_million_reads,
                   "price of sequencing, dollars (default: the profile's)")
      ->check(CLI::NonNegativeNumber);
  auto* many = command
                   ->add_option("--conversations", flags->conversations,
                                "instead of a store's: so many archived conversations, beside disk")
                   ->check(CLI::Range(1UL, 1'000'000'000'000UL));
  auto& what = flags->what;
  what.kv_bytes_per_token = 12'288;
  command->add_option("--tokens", what.tokens, "of a conversation")
      ->capture_default_str()
      ->needs(many)
      ->check(CLI::Range(1UL, 1'000'000'000UL));
  auto* kv = command->add_flag("--kv", flags->kv, "its K and V are archived too");
  kv->needs(many);
  command->add_option("--bytes-per-token", what.bytes_per_token, "of a transcript: text and token ids as zstd")
      ->capture_default_str()
      ->needs(many)
      ->check(CLI::Range(0.01, 1e6));
  command
      ->add_option("--kv-bytes-per-token", what.kv_bytes_per_token,
                   "of K and V; by default of 24 layers with two heads of 64, in 16 bits")
      ->capture_default_str()
      ->needs(kv)
      ->check(CLI::Range(1.0, 1e9));
  command->add_option("--on-target", what.on_target, "share of a recall's reads")
      ->capture_default_str()
      ->needs(many)
      ->check(CLI::Range(0.001, 1.0));
  command->add_option("--profile", flags->profile, "of their partitions: a built-in one, or a TOML file with prices")
      ->capture_default_str()
      ->needs(many);
  command->add_option("--seed", flags->seed, "of the simulated PCR")->capture_default_str();
  command->callback([flags] { cost(*flags); });
}

}  // namespace chromatin::dna
