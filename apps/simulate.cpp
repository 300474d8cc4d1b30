/// chromatin simulate: what a policy is worth, from a trace.

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <memory>

#include <fmt/format.h>

#include "apps/commands.hpp"
#include "kv/policy/policies.hpp"
#include "sim/flat.hpp"
#include "sim/report.hpp"

namespace chromatin {
namespace {

struct simulate_flags {
  std::string trace, json, html, svg;
  bool flat = false, hindsight = false;
  std::vector<std::string> policies, capacities;
};

/// A path that cannot be written is better known before a long run than after it.
void check_writable(const std::string& file) {
  if (file.empty()) return;
  bool was_there = std::filesystem::exists(file);
  if (!std::ofstream{file, std::ios::app}) throw std::runtime_error(file + ": cannot be written; is its folder there?");
  if (!was_there) std::filesystem::remove(file);
}

void write_file(const std::string& file, const std::string& content) {
  if (file.empty()) return;
  std::ofstream out{file, std::ios::binary};
  if (!(out << content) || !out.flush()) throw std::runtime_error(file + ": cannot be written; is the disk full?");
}

std::string joined(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ", ")); }

/// Known before the trace is read: a mistyped name costs nothing.
void check_policies(const std::vector<std::string>& names) {
  auto known = kv::policy_names(true);
  for (const auto& name : names)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw std::runtime_error(fmt::format("--policy {}: there is no such policy; there are {}", name, joined(known)));
}

std::uint64_t tokens_of(const std::string& text) {
  std::uint64_t tokens = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), tokens);
  if (error != std::errc{} || end != text.data() + text.size() || tokens == 0)
    throw std::runtime_error(
        fmt::format("--capacity {}: must be a whole number of tokens from 1, as in --capacity 100000,325000", text));
  return tokens;
}

void simulate_command(const simulate_flags& flags) {
  if (!flags.flat) throw std::runtime_error("simulate replays a trace in one tier: say --flat (docs/policies.md)");
  check_policies(flags.policies);
  std::vector<std::uint64_t> capacities;
  for (const auto& text : flags.capacities) capacities.push_back(tokens_of(text));
  for (const auto& file : {flags.json, flags.html, flags.svg}) check_writable(file);
  auto trace = sim::read_trace(flags.trace);
  std::vector<sim::run_result> runs;
  for (const auto& policy : flags.policies)
    for (auto capacity : capacities) {
      std::vector<std::byte> memory;
      if (flags.hindsight) sim::replay_flat(*trace, policy, capacity, &memory);
      runs.push_back(sim::replay_flat(*trace, policy, capacity, &memory));
    }
  auto name = std::filesystem::path{flags.trace}.filename().string();
  auto title =
      fmt::format("{}: {} requests ({}), one tier, capacity in tokens", name, trace->requests().size(), trace->kind());
  fmt::print("{}\nshare of the reusable tokens that were reused\n\n{}", title, sim::text_table(runs));
  write_file(flags.json, sim::to_json(runs));
  write_file(flags.html, sim::to_html(runs, title));
  write_file(flags.svg, sim::to_svg(runs));
}

}  // namespace

void add_simulate_command(CLI::App& app) {
  auto* command = app.add_subcommand("simulate", "Replay a trace of requests without a model: what is a policy worth?");
  auto flags = std::make_shared<simulate_flags>();
  command->add_option("trace", flags->trace, "Mooncake's JSON lines or an interactive trace, gzipped or not")
      ->required();
  command->add_flag("--flat", flags->flat, "one tier, no devices, no time but the trace's");
  command->add_flag("--hindsight", flags->hindsight,
                    "replay twice, and tell of the second time: what a policy that learns would do if it knew from the "
                    "start how this trace's people behave");
  command->add_option("--policy", flags->policies, "names with commas between: " + joined(kv::policy_names(true)))
      ->delimiter(',')
      ->required();
  command->add_option("--capacity", flags->capacities, "tokens that the tier has room for, with commas between")
      ->delimiter(',')
      ->required();
  command->add_option("--json", flags->json, "write the figures to this file");
  command->add_option("--html", flags->html, "write a page with charts to this file");
  command->add_option("--svg", flags->svg, "write the chart of shares over capacities to this file");
  command->callback([flags] { simulate_command(*flags); });
}

}  // namespace chromatin
