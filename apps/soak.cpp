/// chromatin soak: real conversations on a server whose disk and files go wrong and whose power is cut, compared with a
/// server without faults.

#include <fstream>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "apps/commands.hpp"
#include "apps/flags/choice.hpp"
#include "apps/output.hpp"
#include "apps/replay/workload.hpp"
#include "apps/soak/run.hpp"
#include "apps/system_flags.hpp"
#include "io/progress.hpp"
#include "io/temporary_folder.hpp"

namespace chromatin {
namespace {

struct soak_flags {
  soak::options run;
  double minutes = 1;
  std::string file, json;
};

void print(const char* title, const std::map<std::string, std::int64_t>& counts) {
  fmt::print("{}\n", title);
  for (const auto& [what, times] : counts) fmt::print("{:>10}  {}\n", times, what);
}

void soak_command(soak_flags flags) {
  io::remove_temporary_folders_on_signals();
  auto& run = flags.run;
  std::ifstream in{flags.file};
  for (const auto& talk : replay::read_conversations(in, flags.file, 0))
    run.texts.insert(run.texts.end(), talk.user_turns.begin(), talk.user_turns.end());
  io::temporary_folder folder{std::filesystem::temp_directory_path()};
  run.folder = folder.path();
  run.lasts = std::chrono::milliseconds{static_cast<std::int64_t>(flags.minutes * 60'000)};
  io::progress_line line{"soak"};
  run.progress = [&line](const std::string& how_far) { line.say(how_far); };
  auto how = fmt::format("--seed {} --minutes {} --context {}", run.seed, flags.minutes, run.context);
  if (run.system.backend == backend_choice::cuda) how += " --backend cuda";
  fmt::print("soak with {}\n", how);
  std::fflush(stdout);
  auto report = soak::run(run);
  line.take_away();
  print("\ndone", report.done);
  print("\nfaults that fired", report.faults);
  fmt::print("\nmost memory of the server: {} MiB\n", report.resident_bytes_max >> 20);
  if (!flags.json.empty()) {
    nlohmann::ordered_json figures{{"seed", run.seed},           {"minutes", flags.minutes},
                                   {"context", run.context},     {"done", report.done},
                                   {"faults", report.faults},    {"resident_bytes_max", report.resident_bytes_max},
                                   {"failures", report.failures}};
    write_file(flags.json, figures.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
  }
  for (const auto& failure : report.failures) fmt::print("FAILED: {}\n", failure);
  if (!report.failures.empty())
    throw std::runtime_error(
        fmt::format("{} things did not hold; again: chromatin soak {}", report.failures.size(), how));
  fmt::print("all held\n");
}

}  // namespace

void add_soak_command(CLI::App& app) {
  auto* command = app.add_subcommand(
      "soak", "Real conversations on a server that goes wrong and is killed, compared with one without faults");
  auto flags = std::make_shared<soak_flags>();
  flags->run.system.model = embedded_model();
  flags->file = embedded_model().parent_path() / "conversations/sgd-sample.jsonl";
  command->add_option("--seed", flags->run.seed, "of what users do and what goes wrong")->capture_default_str();
  command->add_option("--minutes", flags->minutes, "how long")->capture_default_str()->check(CLI::Range(0.01, 1e5));
  command->add_option("--context", flags->run.context, "tokens of a window; small ones overflow all the time")
      ->capture_default_str()
      ->check(CLI::Range(128, 1 << 20));
  command->add_option("--users", flags->run.users, "tenants who talk at the same time")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  choose(command->add_option("--backend", flags->run.system.backend, "cpu or cuda, which computes both"),
         std::map<std::string, backend_choice>{{"cpu", backend_choice::cpu}, {"cuda", backend_choice::cuda}})
      ->default_str("cpu")
      ->option_text("NAME");
  command->add_option("--model", flags->run.system.model,
                      "Hugging Face checkpoint folder (default: the embedded model)");
  command->add_option("--conversations", flags->file,
                      "what users say: a file as replay's (default: one that comes with the program)");
  command->add_option("--json", flags->json, "write the figures to this file");
  command->callback([flags] { soak_command(*flags); });
}

}  // namespace chromatin
