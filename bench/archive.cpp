/// chromatin bench archive: conversations in DNA, as a server has them.

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "bench/archive/parts.hpp"
#include "bench/commands.hpp"
#include "bench/measure.hpp"

namespace chromatin::bench {
namespace {

struct archive_bench_flags {
  archive_setup setup;
  std::vector<std::string> only;
  std::string json;
};

constexpr std::pair<const char*, nlohmann::ordered_json (*)(const archive_setup&)> archive_parts[] = {
    {"continued", archive_continued}, {"reads", archive_reads}, {"beside", archive_beside}, {"kv", archive_kv}};

void run(const archive_bench_flags& chosen) {
  const auto& setup = chosen.setup;
  nlohmann::ordered_json json{{"machine", machine()}, {"seed", setup.seed}, {"channel", setup.channel}};
  say_line(fmt::format("{}; seed {}, channel {}; the laboratory is simulated", machine(), setup.seed, setup.channel));
  for (const auto& [name, part] : archive_parts)
    if (chosen.only.empty() || std::ranges::find(chosen.only, name) != chosen.only.end()) {
      const double seconds = seconds_of([&, name = name, part = part] { json[name] = part(setup); });
      say_line(fmt::format("  ({:.0f} s)", seconds));
    }
  write_json(chosen.json, json);
}

}  // namespace

void say_line(const std::string& text) {
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

std::vector<user_turns> bundled_users(std::uint32_t count) {
  std::vector<message_list> all;
  for (const auto* file : {"sgd-sample.jsonl", "taskmaster4-sample.jsonl", "sgd-more.jsonl"}) {
    const auto more = read_conversations(file);
    all.insert(all.end(), more.begin(), more.end());
  }
  all.resize(std::min<std::size_t>(all.size(), count));
  return users_of(all, 1);
}

std::vector<std::string> archive_words(const archive_setup& setup, const std::filesystem::path& folder,
                                       const std::string& on_turn) {
  return {"--dna",
          folder / "dna",
          "--dna-turn",
          on_turn,
          "--dna-pool",
          "1s",
          "--dna-synthesis",
          "0s",
          "--dna-sequencing",
          "0s",
          "--dna-channel",
          setup.channel,
          "--dna-seed",
          std::to_string(setup.seed)};
}

void add_archive(CLI::App& bench, const std::filesystem::path& embedded) {
  auto* command = bench.add_subcommand("archive", "Conversations in DNA: the same answers afterwards, reads, serving");
  auto f = std::make_shared<archive_bench_flags>();
  f->setup.embedded = embedded;
  std::vector<std::string> names;
  for (const auto& [name, part] : archive_parts) names.emplace_back(name);
  command->add_option("--only", f->only, fmt::format("one or more of {}", fmt::join(names, ", ")))
      ->check(CLI::IsMember(names));
  command->add_option("--conversations", f->setup.conversations, "that are archived and go on, at most the bundled 200")
      ->capture_default_str()
      ->check(CLI::Range(1, 200));
  command->add_option("--rounds", f->setup.rounds, "of serving beside archives")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_option("--channel", f->setup.channel, "of the simulated laboratory, as serve's --dna-channel")
      ->capture_default_str();
  command->add_option("--seed", f->setup.seed)->capture_default_str();
  command->add_option("--json", f->json, "write the figures to this file");
  command->callback([f] { run(*f); });
}

}  // namespace chromatin::bench
