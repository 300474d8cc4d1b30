/// chromatin simulate: what a policy is worth, from a trace.

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "apps/commands.hpp"
#include "apps/output.hpp"
#include "io/progress.hpp"
#include "kv/policy/policies.hpp"
#include "sim/flat.hpp"
#include "sim/machine/machine_report.hpp"
#include "sim/report.hpp"

namespace chromatin {
namespace {

struct simulate_flags {
  std::string workload, json, html, svg;
  bool flat = false, hindsight = false;
  std::uint64_t seed = 1;
  std::uint32_t block_tokens = 0;
  std::vector<std::string> policies, capacities, machines, changes;
};

std::string joined(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ", ")); }

/// Known before anything is read: a mistyped name costs nothing.
void check_policies(const simulate_flags& flags) {
  auto known = kv::policy_names(flags.flat);
  if (!flags.flat) known.emplace_back(sim::recompute);
  for (const auto& name : flags.policies)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw std::runtime_error(fmt::format("--policy {}: there is no such policy {}; there are {}", name,
                                           flags.flat ? "in a flat replay" : "on a machine", joined(known)));
}

std::uint64_t tokens_of(const std::string& text) {
  std::uint64_t tokens = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), tokens);
  if (error != std::errc{} || end != text.data() + text.size() || tokens == 0)
    throw std::runtime_error(
        fmt::format("--capacity {}: must be a whole number of tokens from 1, as in --capacity 100000,325000", text));
  return tokens;
}

std::vector<std::uint64_t> capacities_of(const simulate_flags& flags) {
  std::vector<std::uint64_t> capacities;
  for (const auto& text : flags.capacities) capacities.push_back(tokens_of(text));
  return capacities;
}

void simulate_flat(const simulate_flags& flags) {
  if (flags.capacities.empty())
    throw std::runtime_error("--flat needs --capacity: the tokens that its one tier has room for");
  auto trace = sim::read_trace(flags.workload);
  std::vector<sim::run_result> runs;
  for (const auto& policy : flags.policies)
    for (auto capacity : capacities_of(flags)) {
      io::waiting_line waiting{fmt::format("{}, {} tokens", policy, capacity)};
      std::vector<std::byte> memory;
      if (flags.hindsight) sim::replay_flat(*trace, policy, capacity, &memory);
      runs.push_back(sim::replay_flat(*trace, policy, capacity, &memory));
    }
  auto name = std::filesystem::path{flags.workload}.filename().string();
  auto title =
      fmt::format("{}: {} requests ({}), one tier, capacity in tokens", name, trace->requests().size(), trace->kind());
  fmt::print("{}\nshare of the reusable tokens that were reused\n\n{}", title, sim::text_table(runs));
  write_file(flags.json, sim::to_json(runs));
  write_file(flags.html, sim::to_html(runs, title));
  write_file(flags.svg, sim::to_svg(runs));
}

/// Each must be one of the machine's keys or one of the workload's.
sim::changes changes_of(const simulate_flags& flags) {
  auto known = sim::machine_keys();
  auto more = sim::workload_keys(flags.workload);
  known.insert(known.end(), more.begin(), more.end());
  sim::changes changes;
  for (const auto& text : flags.changes) {
    changes.push_back(sim::parse_change(text));
    if (std::find(known.begin(), known.end(), changes.back().key) == known.end())
      throw std::runtime_error(fmt::format("--set {}: there is no such key; there are {}", text, joined(known)));
  }
  return changes;
}

void simulate_machines(const simulate_flags& flags) {
  spdlog::set_level(spdlog::level::warn);  // what a tier gives up is counted
  auto changes = changes_of(flags);
  auto capacities = capacities_of(flags);
  if (capacities.empty()) capacities.push_back(0);
  std::vector<sim::machine> machines;
  for (const auto& file : flags.machines) machines.push_back(sim::read_machine(file, changes));
  auto what = sim::read_workload(flags.workload, flags.seed, changes);
  if (flags.block_tokens > 0) sim::choose_blocks(what, flags.block_tokens);
  std::vector<sim::machine_result> runs;
  for (const auto& machine : machines)
    for (const auto& policy : flags.policies)
      for (auto capacity : capacities) {
        io::waiting_line waiting{fmt::format("{}, {}, run {} of {}", machine.name, policy, runs.size() + 1,
                                             machines.size() * flags.policies.size() * capacities.size())};
        runs.push_back(sim::simulate(what, machine, policy, capacity));
      }
  auto title = fmt::format("{}: {} turns, blocks of {} tokens, seed {}", what.title, what.turns(), what.block_tokens,
                           flags.seed);
  fmt::print("{}\n\n{}", title, sim::text_table(runs));
  write_file(flags.json, sim::to_json(runs));
  write_file(flags.html, sim::to_html(runs, title));
}

void simulate_command(const simulate_flags& flags) {
  if (flags.flat == !flags.machines.empty())
    throw std::runtime_error(
        "simulate needs either --flat, one tier without devices, or --machine FILE.toml (docs/policies.md)");
  check_policies(flags);
  capacities_of(flags);
  for (const auto& file : {flags.json, flags.html, flags.svg}) check_writable(file);
  flags.flat ? simulate_flat(flags) : simulate_machines(flags);
}

}  // namespace

void add_simulate_command(CLI::App& app) {
  auto* command = app.add_subcommand(
      "simulate", "Replay requests without a model, in one tier or on a modelled machine: what is a policy worth?");
  auto flags = std::make_shared<simulate_flags>();
  command
      ->add_option("workload", flags->workload,
                   "Mooncake's JSON lines or an interactive trace, gzipped or not; with --machine also a TOML file of "
                   "statistics, as in assets/workloads")
      ->required();
  command->add_flag("--flat", flags->flat, "one tier, no devices, no time but the trace's");
  command
      ->add_option("--machine", flags->machines,
                   "all actors on this machine, modelled: TOML files as in assets/machines, with commas between")
      ->delimiter(',');
  command->add_flag("--hindsight", flags->hindsight,
                    "flat: replay twice, and tell of the second time: what a policy that learns would do if it knew "
                    "from the start how this trace's people behave");
  command
      ->add_option("--policy", flags->policies,
                   "names with commas between: " + joined(kv::policy_names(true)) +
                       "; belady only flat, and on a machine also recompute: nothing is reused")
      ->delimiter(',')
      ->required();
  command
      ->add_option("--capacity", flags->capacities,
                   "tokens that the tier has room for, with commas between; on a machine: host and disk together "
                   "(default: what the machine has)")
      ->delimiter(',');
  command->add_option("--set", flags->changes,
                      "KEY=VALUE in place of what the machine's or the workload's file says; may be given again");
  command->add_option("--block-tokens", flags->block_tokens,
                      "on a machine: tokens of a chunk of the cache, a multiple of 64 (default: 64, or the trace's); "
                      "larger ones are simulated sooner");
  command->add_option("--seed", flags->seed, "of what is made up")->capture_default_str();
  command->add_option("--json", flags->json, "write the figures to this file");
  command->add_option("--html", flags->html, "write a page with charts to this file");
  command->add_option("--svg", flags->svg, "flat: write the chart of shares over capacities to this file");
  command->callback([flags] { simulate_command(*flags); });
}

}  // namespace chromatin
