/// chromatin dna primers: what to order for a PCR that brings a file, a directory or some blocks; the primer library.

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "apps/dna/open_store.hpp"
#include "io/progress.hpp"
#include "dna/partition/files.hpp"
#include "dna/partition/order.hpp"
#include "dna/geometry/primer_check.hpp"

namespace chromatin::dna {
namespace {

struct primers_flags {
  store_flags store;
  std::vector<std::string> paths;
  std::string blocks;
  std::filesystem::path out;
  bool check = false, library = false, any = false;
  std::uint32_t plate = 0;
  std::string house = "idt";
  std::size_t design = 0;
  std::uint64_t seed = 1;
};

/// The nodes whose prefixes bring the paths, or every node where no path is named.
std::vector<subtree> nodes_of(const partition& from, const primers_flags& flags) {
  if (flags.paths.empty()) return all_nodes(from.addresses());
  if (!flags.blocks.empty() && flags.paths.size() > 1) throw std::runtime_error{"--blocks goes with one path"};
  std::vector<std::uint32_t> leaves;
  for (const auto& path : flags.paths) {
    const auto more = select_leaves(from, path, flags.blocks);
    leaves.insert(leaves.end(), more.begin(), more.end());
  }
  return from.prefixes(leaves);
}

std::string name_of(const strand_layout& layout, const subtree& node) {
  const auto count = layout.addresses().below(node).count;
  return count == 1 ? fmt::format("leaf-{:04}", node.first)
                    : fmt::format("leaves-{:04}-{:04}", node.first, node.first + count - 1);
}

std::vector<ordered_oligo> pcr_order(const strand_layout& layout, const std::vector<subtree>& nodes) {
  std::vector<ordered_oligo> oligos;
  for (const auto& node : nodes) oligos.push_back({"forward-" + name_of(layout, node), layout.elongated_primer(node)});
  oligos.push_back({"reverse", layout.partition().primers.reverse});
  return oligos;
}

/// Those whose primers do not fold or pair with themselves; all of them where primer3 is not installed.
std::vector<subtree> good_nodes(const store& from, const std::vector<subtree>& nodes,
                                std::vector<std::string>& said) try {
  const primer3 programs;
  const auto occupied = [&](const subtree& node) {
    const auto next = from.contents().blocks().lower_bound({node.first, 0});
    return next != from.contents().blocks().end() && next->first.leaf < from.layout().addresses().below(node).end();
  };
  return usable_nodes(from.layout(), nodes, programs, occupied, said);
} catch (const primer3_error& error) {
  said.push_back(fmt::format("primers are not checked: {}", error.what()));
  return nodes;
}

void print_order(const primers_flags& flags, const std::vector<ordered_oligo>& oligos) {
  if (!flags.out.empty()) {
    if (flags.plate > 0)
      replace_file(flags.out, plate_sheet(oligos, flags.plate, flags.house));
    else
      write_order(flags.out, oligos);
    if (!flags.store.json) fmt::print("{}: {} primers\n", flags.out.string(), oligos.size());
  }
  if (flags.store.json) {
    auto out = nlohmann::ordered_json::array();
    for (const auto& one : oligos) out.push_back({{"name", one.name}, {"sequence", one.bases}});
    fmt::print("{}\n", out.dump(2));
  } else if (flags.out.empty()) {
    fmt::print("{}", flags.plate > 0 ? plate_sheet(oligos, flags.plate, flags.house) : csv_of(oligos));
  }
}

/// Places in the payloads where one of the pair could bind: within a sixth of its length in edits.
std::size_t sites_of(const store& from) {
  const auto& g = from.layout().geometry();
  std::vector<std::string_view> inner;
  for (std::size_t i = 0; i < from.strand_count(); ++i)
    inner.push_back(from.strand(i).substr(g.primer_nt + g.index_nt(), g.payload_nt));
  const auto& pair = from.layout().partition().primers;
  return primer_sites(pair.forward, inner, g.primer_nt / 6).size() +
         primer_sites(pair.reverse, inner, g.primer_nt / 6).size();
}

void check(const primers_flags& flags, const store& from, const std::vector<subtree>& nodes) {
  const primer3 programs;
  io::progress_line line{"primers checked"};
  const auto checks =
      check_primers(from.layout(), nodes, programs, [&](std::size_t done) { line.show(done, nodes.size()); });
  const auto poor = std::count_if(checks.begin(), checks.end(), [](const auto& one) { return !one.usable(); });
  const auto sites = sites_of(from);
  const auto [coolest, hottest] = std::minmax_element(
      checks.begin(), checks.end(), [](const auto& a, const auto& b) { return a.melting_c < b.melting_c; });
  const auto reverse = programs.melting_points(std::vector{from.layout().partition().primers.reverse})[0];
  if (flags.store.json) {
    auto all = nlohmann::ordered_json::array();
    for (const auto& one : checks)
      all.push_back({{"name", name_of(from.layout(), one.node)},
                     {"sequence", one.primer},
                     {"melting_c", one.melting_c},
                     {"hairpin_c", one.hairpin_c},
                     {"self_dimer_c", one.self_dimer_c},
                     {"dimer_c", one.dimer_c},
                     {"usable", one.usable()}});
    fmt::print("{}\n",
               nlohmann::ordered_json{
                   {"primers", all}, {"poor", poor}, {"payload_sites", sites}, {"reverse_melting_c", reverse}}
                   .dump(2));
    return;
  }
  fmt::print(
      "{} primers: melting points {:.1f} to {:.1f} °C (reverse primer {:.1f}); {} with a hairpin or dimer above {:.0f} "
      "°C; "
      "{} places in payloads where a primer could bind\n",
      checks.size(), coolest->melting_c, hottest->melting_c, reverse, poor, primer3::structure_max_c, sites);
  for (const auto& one : checks)
    if (!one.usable())
      fmt::print("  {:<18} {}  hairpin {:.0f}, with itself {:.0f}, with the other primer {:.0f} °C\n",
                 name_of(from.layout(), one.node), one.primer, one.hairpin_c, one.self_dimer_c, one.dimer_c);
}

void print_library(const primers_flags& flags, std::span<const primer_pair> pairs) {
  auto out = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < pairs.size(); ++i)
    if (flags.store.json)
      out.push_back({{"pair", i}, {"forward", pairs[i].forward}, {"reverse", pairs[i].reverse}});
    else
      fmt::print("{:>4}  {}  {}\n", i, pairs[i].forward, pairs[i].reverse);
  if (flags.store.json) fmt::print("{}\n", out.dump(2));
}

void primers(const primers_flags& flags) {
  if (flags.library) return print_library(flags, primer_library());
  if (flags.design > 0) {
    io::progress_line line{"pairs found"};
    const auto pairs = design_checked_primers(flags.design, profile{}.primer_nt, flags.seed, primer3{},
                                              [&](std::size_t done) { line.show(done, flags.design); });
    return print_library(flags, pairs);
  }
  if (flags.store.folder.empty()) throw std::runtime_error{"name a store, or use --library or --design"};
  const auto from = open_store(flags.store.folder, store::access::read);
  if (flags.paths.empty() && !flags.check)
    throw std::runtime_error{"name a path to bring: . is everything, / the journal"};
  const auto nodes = nodes_of(from.contents(), flags);
  if (flags.check) return check(flags, from, nodes);
  std::vector<std::string> said;
  const auto order = pcr_order(from.layout(), flags.any ? nodes : good_nodes(from, nodes, said));
  for (const auto& line : said) fmt::print(stderr, "{}\n", line);
  print_order(flags, order);
}

}  // namespace

void add_primers_command(CLI::App& dna) {
  auto* command =
      dna.add_subcommand("primers", "Write the primers that bring a path or some blocks; check them; the library");
  auto flags = std::make_shared<primers_flags>();
  command->add_option("STORE", flags->store.folder, "folder of the store");
  command->add_option("PATH", flags->paths, "what to bring: files or directories; . is everything, / the journal");
  command->add_option("--blocks", flags->blocks, "only these blocks of the file: 7 or 0-4");
  command->add_option("--out", flags->out, "file to write: .csv or .fa (default: CSV on the standard output)");
  command->add_option("--plate", flags->plate, "as a plate sheet with wells: 96 or 384")
      ->check(CLI::IsMember({96, 384}));
  command->add_option("--house", flags->house, "whose columns the plate sheet has: idt or sigma")
      ->capture_default_str()
      ->check(CLI::IsMember({"idt", "sigma"}));
  command->add_flag("--any", flags->any, "the fewest primers, also those that fold or pair with themselves");
  command->add_flag("--check", flags->check,
                    "melting points, hairpins and dimers by primer3, of every prefix where no path is named");
  command->add_flag("--library", flags->library, "list the built-in pairs");
  command->add_option("--design", flags->design, "find so many pairs that go with each other, with primer3");
  command->add_option("--seed", flags->seed, "of --design")->capture_default_str();
  command->add_flag("--json", flags->store.json, "as JSON");
  command->callback([flags] { primers(*flags); });
}

}  // namespace chromatin::dna
