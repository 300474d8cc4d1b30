/// chromatin stat: a server's counters.

#include <chrono>
#include <optional>
#include <thread>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "apps/commands.hpp"
#include "apps/server_flags.hpp"
#include "apps/top/take.hpp"

namespace chromatin {
namespace {

struct stat_flags {
  server_flags server;
  bool json = false;
  double every_s = 0;
};

/// Again and again each sample is a line of JSON, so that a program can read them as they come.
void print(const stat_flags& flags, const top::sample& now, const top::sample* before) {
  constexpr auto replace = nlohmann::ordered_json::error_handler_t::replace;
  if (flags.json)
    fmt::print("{}\n", top::to_json(now, before).dump(flags.every_s > 0 ? -1 : 2, ' ', false, replace));
  else
    fmt::print("{}", top::to_text(now, before));
  std::fflush(stdout);
}

void stat(const stat_flags& flags) {
  auto client = connect(flags.server);
  std::optional<top::sample> before;
  while (true) {
    auto now = top::take(client);
    print(flags, now, before ? &*before : nullptr);
    if (flags.every_s <= 0) return;
    before = std::move(now);
    std::this_thread::sleep_for(std::chrono::duration<double>(flags.every_s));
    if (!flags.json) fmt::print("\n");
  }
}

}  // namespace

void add_stat_command(CLI::App& app) {
  auto* command = app.add_subcommand("stat", "Show a server's counters");
  auto flags = std::make_shared<stat_flags>();
  add_server_flags(*command, flags->server);
  command->add_flag("--json", flags->json, "as JSON; with --every a line each time");
  command->add_option("--every", flags->every_s, "again every so many seconds, then with rates a second")
      ->check(CLI::Range(0.01, 86400.0));
  command->callback([flags] { stat(*flags); });
}

}  // namespace chromatin
