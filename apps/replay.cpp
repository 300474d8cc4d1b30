/// chromatin replay: real conversations through the whole system, with and without reuse.

#include <ctime>
#include <fstream>
#include <optional>

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include "apps/commands.hpp"
#include "apps/output.hpp"
#include "apps/replay/heading.hpp"
#include "apps/replay/report_html.hpp"
#include "apps/replay/table.hpp"
#include "apps/server_flags.hpp"
#include "apps/system_flags.hpp"
#include "bench/measure.hpp"
#include "io/progress.hpp"
#include "io/temporary_folder.hpp"
#include "rpc/server.hpp"

namespace chromatin {
namespace {

struct replay_flags {
  std::string file, json, html, reuse = "both";
  server_flags server{.address = {}};  ///< no address: a server of its own
  std::size_t limit = 0, join = 2;
  replay::run_options run;
  system_options system;
};

/// Each run has a fresh system with an empty disk folder, and speaks to it through a socket, as users do.
replay::run_result run_once(const replay_flags& flags, const std::vector<replay::sitting>& sittings, bool reuse) {
  std::size_t total = 0;
  for (const auto& s : sittings) total += s.user_turns.size();
  auto options = flags.run;
  options.reuse = reuse;
  const std::string name = reuse ? "with reuse" : "without reuse";
  auto play = [&] {
    io::progress_line line{name + ", turns"};
    return replay::run(sittings, options, [&](std::size_t done) { line.show(done, total); });
  };
  if (!flags.server.address.empty()) {
    options.server = flags.server.address;
    options.token = flags.server.token;
    return play();
  }
  const auto temporary = std::filesystem::temp_directory_path();
  io::temporary_folder store{flags.system.disk.empty() ? temporary : flags.system.disk}, folder{temporary};
  auto own = flags.system;
  own.disk = store.path();
  std::optional<io::waiting_line> waiting{std::in_place, name + ", loading the model"};
  running_system system{own};
  waiting.reset();
  rpc::server server{system.actors(),
                     system.gateway(),
                     system.telemetry(),
                     system.supervisor(),
                     {.listen = {"unix:" + (folder.path() / "socket").string()}}};
  options.server = server.addresses().front();
  return play();
}

/// What was played on what, for people.
std::string describe(const replay_flags& flags, std::size_t sittings) {
  auto mib = [](std::uint64_t bytes, bool fits = false) {
    return fits ? "what fits" : fmt::format("{:.4g} MiB", static_cast<double>(bytes) / (1 << 20));
  };
  const auto& s = flags.system;
  auto server =
      flags.server.address.empty()
          ? fmt::format("{} with {} of device memory, {} of host memory, {} of disk", s.model.filename().string(),
                        mib(s.device_bytes, s.device_bytes_fit), mib(s.host_bytes, s.host_bytes_fit), mib(s.disk_bytes))
          : flags.server.address;
  return fmt::format("{} sittings from {}, {} users at a time; {}", sittings,
                     std::filesystem::path{flags.file}.filename().string(), flags.run.concurrency, server);
}

replay::heading heading_of(const replay_flags& flags, const std::vector<std::string>& arguments, std::size_t sittings,
                           const replay::reading& read) {
  return {.title = describe(flags, sittings),
          .read = replay::describe(read, flags.run.recorded_answers),
          .made = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr))),
          .version = CHROMATIN_VERSION,
          .machine = bench::machine(),
          .command = replay::command_line(arguments)};
}

void replay_command(const replay_flags& flags, const std::vector<std::string>& arguments) {
  io::remove_temporary_folders_on_signals();
  check_writable(flags.json);
  check_writable(flags.html);
  std::ifstream in{flags.file};
  replay::reading read;
  auto conversations = replay::read_conversations(in, flags.file, flags.limit, &read);
  auto sittings = replay::string_together(std::move(conversations), flags.join, &read);
  auto about = heading_of(flags, arguments, sittings.size(), read);
  if (!flags.server.address.empty()) connect(flags.server);  // where none answers it is known before a run is set up
  std::optional<replay::run_result> off, on;
  if (flags.reuse != "on") off = run_once(flags, sittings, false);
  if (flags.reuse != "off") on = run_once(flags, sittings, true);

  nlohmann::ordered_json figures{{"made", about.made},
                                 {"version", about.version},
                                 {"machine", about.machine},
                                 {"command", about.command},
                                 {"read", about.read}};
  std::optional<replay::summary> off_sum, on_sum;
  if (off) figures["reuse_off"] = to_json(*(off_sum = replay::summarise(*off)));
  if (on) figures["reuse_on"] = to_json(*(on_sum = replay::summarise(*on)));
  fmt::print("{}\n{}\n\n{}", about.title, about.read,
             replay::text_table(off_sum ? &*off_sum : nullptr, on_sum ? &*on_sum : nullptr));
  auto cut = std::max(off ? off->sittings_cut : 0, on ? on->sittings_cut : 0);
  if (cut > 0) fmt::print("\n{} sittings ended early, at the end of the model's context\n", cut);
  if (off && on) {
    auto same = replay::compare(*off, *on);
    figures["same_text_share"] = same.share();
    figures["same_text"] = {{"comparable_turns", same.comparable},
                            {"same", same.same},
                            {"all_turns", same.all},
                            {"same_of_all", same.same_of_all}};
    fmt::print(
        "\nsame answer in {} of {} turns whose history was still the same in both runs ({:.1f} %); over all turns {} "
        "of "
        "{}\n",
        same.same, same.comparable, 100 * same.share(), same.same_of_all, same.all);
    if (same.same < same.comparable)
      fmt::print(
          "(where two tokens are almost equally likely, rounding decides: a prompt computed in other pieces rounds "
          "differently)\n");
  }
  if (!flags.json.empty()) write_file(flags.json, figures.dump(2) + "\n");
  if (!flags.html.empty())
    write_file(flags.html, replay::report_html(off ? &*off : nullptr, on ? &*on : nullptr, about));
}

}  // namespace

void add_replay_command(CLI::App& app, const system_options& defaults, const std::vector<std::string>& arguments) {
  auto* command = app.add_subcommand("replay", "Play real conversations through the whole system and measure");
  auto flags = std::make_shared<replay_flags>();
  flags->system = defaults;
  command
      ->add_option(
          "file", flags->file,
          "conversations as OpenAI's files have them: {\"messages\": [{\"role\", \"content\"}, …]}, one a line, or "
          "a list")
      ->required();
  command->add_option("--reuse", flags->reuse, "on, off or both")
      ->capture_default_str()
      ->check(CLI::IsMember({"on", "off", "both"}));
  command->add_option("--concurrency", flags->run.concurrency, "users who talk at the same time")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  command
      ->add_option("--think-ms", flags->run.think_ms,
                   "mean pause before a user's next turn; 0: no pauses, their order only")
      ->check(CLI::Range(0.0, 3.6e6))
      ->capture_default_str();
  command->add_option("--seed", flags->run.seed, "of the pauses")->capture_default_str();
  command->add_option("--limit", flags->limit, "conversations to read; 0: all");
  command->add_option("--join", flags->join, "conversations strung to one sitting")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_option("--answer-tokens", flags->run.answer_tokens, "of an answer at most; 0: the model's default")
      ->capture_default_str();
  command->add_flag("--recorded-answers", flags->run.recorded_answers,
                    "a turn's history has the file's answers in place of those that were generated");
  command->add_option("--json", flags->json, "write the figures to this file");
  command->add_option("--html", flags->html, "write a page with charts to this file");
  command->add_option("--server", flags->server.address,
                      "play against this server (HOST:PORT or unix:PATH) instead of one of its own");
  command->add_option("--token", flags->server.token, "the tenant's token on that server");
  add_system_flags(*command, flags->system);
  command->callback([flags, arguments] { replay_command(*flags, arguments); });
}

}  // namespace chromatin
