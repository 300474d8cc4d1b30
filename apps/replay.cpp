/// chromatin replay: real conversations through the whole system, with and without reuse.

#include <chrono>
#include <fstream>

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "apps/commands.hpp"
#include "apps/replay/report_html.hpp"
#include "apps/replay/table.hpp"
#include "apps/system_flags.hpp"
#include "io/temporary_folder.hpp"
#include "rpc/server.hpp"

namespace chromatin {
namespace {

struct replay_flags {
  std::string file, connect, token, json, html, reuse = "both";
  std::size_t limit = 0, join = 2;
  replay::run_options run;
  system_options system;
};

/// A line on stderr that says how far a run is: rewritten in a terminal, now and then a new one elsewhere.
class progress_line {
 public:
  progress_line(std::string name, std::size_t total) : name_{std::move(name)}, total_{total} {}

  void operator()(std::size_t done) {
    auto now = clock::now();
    auto pause = terminal_ ? std::chrono::milliseconds{200} : std::chrono::milliseconds{5000};
    if (now - last_ < pause && done < total_) return;
    last_ = now;
    auto seconds = std::chrono::duration<double>(now - begin_).count();
    auto rate = static_cast<double>(done) / std::max(seconds, 1e-3);
    fmt::print(stderr, "{}{}: {} of {} turns, {:.0f} a second, {:.0f} s to go{}", terminal_ ? "\r" : "", name_, done,
               total_, rate, static_cast<double>(total_ - done) / rate, terminal_ ? "   " : "\n");
  }
  ~progress_line() {
    if (terminal_) fmt::print(stderr, "\r{:70}\r", "");
  }

 private:
  using clock = std::chrono::steady_clock;
  std::string name_;
  std::size_t total_;
  clock::time_point begin_ = clock::now(), last_{};
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
};

/// Each run has a fresh system with an empty disk folder, and speaks to it through a socket, as users do.
replay::run_result run_once(const replay_flags& flags, const std::vector<replay::sitting>& sittings, bool reuse) {
  std::size_t total = 0;
  for (const auto& s : sittings) total += s.user_turns.size();
  auto options = flags.run;
  options.reuse = reuse;
  progress_line progress{reuse ? "with reuse" : "without reuse", total};
  auto play = [&] { return replay::run(sittings, options, [&](std::size_t done) { progress(done); }); };
  if (!flags.connect.empty()) {
    options.server = flags.connect;
    options.token = flags.token;
    return play();
  }
  const auto temporary = std::filesystem::temp_directory_path();
  io::temporary_folder store{flags.system.disk.empty() ? temporary : flags.system.disk}, folder{temporary};
  auto own = flags.system;
  own.disk = store.path();
  running_system system{own};
  rpc::server server{system.actors(),
                     system.gateway(),
                     system.telemetry(),
                     system.supervisor(),
                     {.listen = {"unix:" + (folder.path() / "socket").string()}}};
  options.server = server.addresses().front();
  return play();
}

/// A path that cannot be written is better known before a long run than after it.
void check_writable(const std::string& file) {
  if (file.empty()) return;
  if (auto parent = std::filesystem::path{file}.parent_path(); !parent.empty())
    std::filesystem::create_directories(parent);
  if (!std::ofstream{file, std::ios::app}) throw std::runtime_error(file + ": cannot be written");
}

void write_file(const std::string& file, const std::string& content) {
  std::ofstream out{file};
  if (!(out << content) || !out.flush()) throw std::runtime_error(file + ": cannot be written");
}

/// What was played on what, for people.
std::string describe(const replay_flags& flags, std::size_t sittings) {
  auto mib = [](std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
  const auto& s = flags.system;
  auto server =
      flags.connect.empty()
          ? fmt::format("{} with {:.4g} MiB of device memory, {:.4g} MiB of host memory, {:.4g} MiB of disk",
                        s.model.filename().string(), mib(s.device_bytes), mib(s.host_bytes), mib(s.disk_bytes))
          : flags.connect;
  return fmt::format("{} sittings from {}, {} users at a time; {}", sittings,
                     std::filesystem::path{flags.file}.filename().string(), flags.run.concurrency, server);
}

void replay_command(const replay_flags& flags) {
  io::remove_temporary_folders_on_signals();
  check_writable(flags.json);
  check_writable(flags.html);
  std::ifstream in{flags.file};
  auto sittings = replay::string_together(replay::read_conversations(in, flags.file, flags.limit), flags.join);
  std::optional<replay::run_result> off, on;
  if (flags.reuse != "on") off = run_once(flags, sittings, false);
  if (flags.reuse != "off") on = run_once(flags, sittings, true);

  nlohmann::ordered_json json;
  std::optional<replay::summary> off_sum, on_sum;
  if (off) json["reuse_off"] = to_json(*(off_sum = replay::summarise(*off)));
  if (on) json["reuse_on"] = to_json(*(on_sum = replay::summarise(*on)));
  auto title = describe(flags, sittings.size());
  fmt::print("{}\n\n{}", title, replay::text_table(off_sum ? &*off_sum : nullptr, on_sum ? &*on_sum : nullptr));
  auto cut = std::max(off ? off->sittings_cut : 0, on ? on->sittings_cut : 0);
  if (cut > 0) fmt::print("\n{} sittings ended early, at the end of the model's context\n", cut);
  if (off && on) {
    auto same = replay::compare(*off, *on);
    json["same_text_share"] = same.share();
    json["same_text"] = {{"comparable_turns", same.comparable},
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
  if (!flags.json.empty()) write_file(flags.json, json.dump(2) + "\n");
  if (!flags.html.empty())
    write_file(flags.html, replay::report_html(off ? &*off : nullptr, on ? &*on : nullptr, title));
}

}  // namespace

void add_replay_command(CLI::App& app, const system_options& defaults) {
  auto* command = app.add_subcommand("replay", "Play real conversations through the whole system and measure");
  auto flags = std::make_shared<replay_flags>();
  flags->system = defaults;
  command
      ->add_option("file", flags->file,
                   "conversations, one JSON object a line: {\"messages\": [{\"role\", \"content\"}, …]}")
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
  command->add_option("--json", flags->json, "write the figures to this file");
  command->add_option("--html", flags->html, "write a page with charts to this file");
  command->add_option("--connect", flags->connect,
                      "play against this server (HOST:PORT or unix:PATH) instead of one of its own");
  command->add_option("--token", flags->token, "the tenant's token on that server");
  add_system_flags(*command, flags->system);
  command->callback([flags] { replay_command(*flags); });
}

}  // namespace chromatin
