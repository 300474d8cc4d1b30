/// chromatin dna pcr: a simulated PCR that brings a path or some blocks out of a store's tube.

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "apps/dna/laboratory.hpp"
#include "apps/dna/open_store.hpp"
#include "io/progress.hpp"

namespace chromatin::dna {
namespace {

struct pcr_flags {
  store_flags store;
  std::vector<std::string> paths;
  std::string blocks, protocol = "precise";
  std::filesystem::path out, from;
  bool one_pot = false;
  double copies = 1e6, half_lives = 0, founders = 0, depurination = 0, deamination = 0;
  std::string errors;
  std::uint64_t seed = 1;
};

nlohmann::ordered_json to_json(const wetlab::composition& found) {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& row : found.by_distance)
    rows.push_back({{"levels_apart", row.distance},
                    {"strands", row.strands},
                    {"share", row.copies / found.copies()},
                    {"misprimed_share", row.rewritten / found.copies()}});
  return {{"copies", found.copies()},
          {"on_target", found.on_target_share()},
          {"by_distance", rows},
          {"foreign_share", found.foreign / found.copies()}};
}

void print_table(const wetlab::composition& before, const wetlab::composition& after) {
  fmt::print("  {:<22}{:>9}{:>10}{:>10}{:>22}\n", "molecules", "strands", "before", "after", "of it misprimed");
  const auto line = [](const std::string& name, std::uint64_t strands, double was, double is, double misprimed) {
    fmt::print("  {:<22}{:>9}{:>9.3f}%{:>9.2f}%{:>21.2f}%\n", name, strands, 100 * was, 100 * is, 100 * misprimed);
  };
  for (std::size_t d = 0; d < after.by_distance.size(); ++d)
    line(d == 0 ? "on target" : fmt::format("{} level{} apart", d, d == 1 ? "" : "s"), before.by_distance[d].strands,
         before.by_distance[d].copies / before.copies(), after.by_distance[d].copies / after.copies(),
         after.by_distance[d].rewritten / after.copies());
  if (before.foreign > 0)
    line("of other partitions", 0, before.foreign / before.copies(), after.foreign / after.copies(), 0);
}

/// What the primers are elongated by: nothing for everything.
std::vector<subtree> targets_of(const partition& from, const pcr_flags& flags) {
  if (flags.paths == std::vector<std::string>{"."}) return {{0, 0}};
  if (!flags.blocks.empty() && flags.paths.size() > 1) throw std::runtime_error{"--blocks goes with one path"};
  std::vector<std::uint32_t> leaves;
  for (const auto& path : flags.paths) {
    const auto more = select_leaves(from, path, flags.blocks);
    leaves.insert(leaves.end(), more.begin(), more.end());
  }
  std::sort(leaves.begin(), leaves.end());
  leaves.erase(std::unique(leaves.begin(), leaves.end()), leaves.end());
  return from.prefixes(leaves);
}

void pcr(const pcr_flags& flags) {
  const auto how = wetlab::protocol_of(flags.protocol);
  const auto from = open_store(flags.store.folder, store::access::read);
  const auto targets = targets_of(from.contents(), flags);
  auto made = flags.errors.empty() ? wetlab::synthesis_options{}
                                   : wetlab::as_measured(wetlab::find_error_profile(flags.errors), flags.founders);
  made.copies = flags.copies;
  made.founders = flags.founders;
  auto tube = io::waiting("making the tube", [&] {
    return flags.from.empty() ? wetlab::synthesise_partition(from.layout(), strands_of(from), made, flags.seed)
                              : wetlab::read_tube(flags.from);
  });
  if (flags.depurination > 0 || flags.deamination > 0)
    tube = wetlab::damage(tube, flags.depurination, flags.deamination, flags.seed + 3);
  if (flags.half_lives > 0) tube = wetlab::age(tube, flags.half_lives, flags.seed + 1);
  const auto pots = flags.one_pot ? wetlab::pooling::one_pot : wetlab::pooling::apart;
  const auto result = io::waiting("simulating the PCR", [&] {
    return wetlab::retrieve(tube, from.layout(), targets, how, pots, {}, flags.seed + 2);
  });
  wetlab::write_tube(result.product, flags.out);
  const auto before = wetlab::compose(tube, from.layout(), targets);
  const auto after = wetlab::compose(result.product, from.layout(), targets);
  const double factor = after.on_target_share() / before.on_target_share();
  if (flags.store.json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"simulated", true},
                                              {"protocol", flags.protocol},
                                              {"reactions", flags.one_pot ? 1 : targets.size()},
                                              {"before", to_json(before)},
                                              {"after", to_json(after)},
                                              {"factor", factor},
                                              {"saturated", result.saturated},
                                              {"file", flags.out.string()}}
                           .dump(2));
    return;
  }
  fmt::print("simulated: {}\n", result.product.history);
  print_table(before, after);
  fmt::print("{}: {:.3g} copies, {:.1f} % on target, {:.0f} times the share before{}\n", flags.out.string(),
             after.copies(), 100 * after.on_target_share(), factor, result.saturated ? "; reagents used up" : "");
}

}  // namespace

void add_pcr_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("pcr", "Simulate a PCR that brings a path or some blocks out of the tube");
  auto flags = std::make_shared<pcr_flags>();
  add_store_flags(*command, flags->store);
  command->add_option("PATH", flags->paths, "what to bring: files or directories; . is everything, / the journal")
      ->required();
  command->add_option("--out", flags->out, "tube to write: FASTA with copy numbers")->required();
  command->add_option("--blocks", flags->blocks, "only these blocks of the file: 7 or 0-4");
  command->add_option("--protocol", flags->protocol, "plain, touch-down, two-step, hot-start or precise")
      ->capture_default_str();
  command->add_flag("--one-pot", flags->one_pot, "all primers in one reaction instead of one for each");
  command->add_option("--from", flags->from, "tube to start from (default: the store's strands, freshly synthesised)");
  command->add_option("--copies", flags->copies, "of each strand, on average, as synthesised")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1e12));
  command->add_option("--errors", flags->errors,
                      "synthesis as of this profile: uneven copies, missing strands, and errors of the founders");
  command
      ->add_option("--founders", flags->founders,
                   "molecules of each strand that have errors of their own (0: none has)")
      ->check(CLI::Range(0.0, 1000.0));
  command->add_option("--depurination", flags->depurination, "chance of each A and G to break its strand")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--deamination", flags->deamination, "chance of each C to become T")->check(CLI::Range(0.0, 1.0));
  command->add_option("--half-lives", flags->half_lives, "that the tube has aged by")->check(CLI::Range(0.0, 60.0));
  command->add_option("--seed", flags->seed, "of the simulation")->capture_default_str();
  command->footer("The model and why its numbers err on the side of too much mispriming: dna/wetlab/priming.hpp.");
  command->callback([flags] { pcr(*flags); });
}

}  // namespace chromatin::dna
