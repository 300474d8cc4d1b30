/// Whether a reader is ever told something that is not so, over trials in which everything may be wrong at once.

#include <mutex>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/dna.hpp"
#include "dna/wetlab/trial.hpp"

namespace chromatin::bench {
namespace {

struct sums {
  std::size_t trials = 0, stale = 0, wrong = 0, unnamed = 0, current = 0, as_of = 0, pieces = 0, lost = 0;
  std::vector<std::string> failures;
};

sums run_trials(const dna_setup& setup, std::size_t count, dna::wetlab::planted fault) {
  std::mutex adding;
  sums all;
  for_each_run(setup, count, [&](std::size_t i) {
    const auto seed = run_seed(setup, "trials", i);
    const auto found = dna::wetlab::run_trial(dna::wetlab::draw_conditions(seed), seed, fault);
    const std::lock_guard lock{adding};
    ++all.trials;
    all.stale += found.stale.size(), all.wrong += found.wrong.size(), all.unnamed += found.unnamed.size();
    all.current += found.current_files, all.as_of += found.files_as_of;
    all.pieces += found.pieces, all.lost += found.lost;
    for (const auto* list : {&found.stale, &found.wrong, &found.unnamed})
      for (const auto& line : *list)
        if (all.failures.size() < 5) all.failures.push_back(fmt::format("seed {}: {}", seed, line));
    show_progress("trials", all.trials, count);
  });
  return all;
}

nlohmann::ordered_json print(const char* name, const sums& found) {
  fmt::print("  {:<34}{:>8}{:>8}{:>8}{:>10}{:>10}{:>8}{:>8}{:>8}\n", name, found.trials, found.stale, found.wrong,
             found.unnamed, found.current, found.as_of, found.pieces, found.lost);
  return {{"trials", found.trials},   {"stale", found.stale},     {"wrong", found.wrong},
          {"unnamed", found.unnamed}, {"current", found.current}, {"as_of", found.as_of},
          {"pieces", found.pieces},   {"lost", found.lost},       {"failures", found.failures}};
}

}  // namespace

nlohmann::ordered_json dna_trials(const dna_setup& setup) {
  using dna::wetlab::planted;
  fmt::print(
      "\ntrials (simulated): three profiles, coverage 1 to 30, to eight updates at a tenth to ten times the "
      "concentration, lost journal blocks and strands,\nchimeras to 60 %, foreign reads to 30 %, flanks, 0.3 to 15 % "
      "errors; asked for: 0 stale, wrong, or not named\n  {:<34}{:>8}{:>8}{:>8}{:>10}{:>10}{:>8}{:>8}{:>8}\n",
      "reader", "trials", "stale", "wrong", "unnamed", "current", "as of", "pieces", "lost");
  const auto found = run_trials(setup, setup.quick ? 100 : 2000, planted::none);
  nlohmann::ordered_json json{{"as_it_is", print("as it is", found)}};
  for (const auto& line : found.failures) fmt::print("    {}\n", line);
  // The same check of readers with a fault: it can fail.
  const std::size_t count = setup.quick ? 50 : 300;
  json["believes"] = print("planted: believes what it found", run_trials(setup, count, planted::believes));
  json["corrupts"] = print("planted: one byte is wrong", run_trials(setup, count, planted::corrupts));
  json["forgets"] = print("planted: one loss is not named", run_trials(setup, count, planted::forgets));
  return json;
}

}  // namespace chromatin::bench
