/// chromatin stat: a server's counters.

#include <chrono>
#include <thread>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "apps/commands.hpp"
#include "rpc/client.hpp"

namespace chromatin {
namespace {

struct stat_flags {
  std::string server = "127.0.0.1:7411", token;
  bool json = false;
  double watch_s = 0;
};

void print_table(const std::vector<counters>& parts) {
  for (const auto& part : parts) {
    fmt::print("{}\n", part.part);
    for (const auto& note : part.notes) fmt::print("  {}\n", note);
    for (const auto& [name, value] : part.values) fmt::print("  {:<26}{:>16}\n", name, value);
  }
}

void print_json(const std::vector<counters>& parts) {
  nlohmann::ordered_json all;
  for (const auto& part : parts) {
    for (const auto& [name, value] : part.values) all[part.part][name] = value;
    if (!part.notes.empty()) all[part.part]["notes"] = part.notes;
  }
  fmt::print("{}\n", all.dump(2));
}

void stat(const stat_flags& flags) {
  rpc::client client{flags.server, flags.token};
  while (true) {
    auto parts = client.stat();
    flags.json ? print_json(parts) : print_table(parts);
    if (flags.watch_s <= 0) return;
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::duration<double>(flags.watch_s));
    fmt::print("\n");
  }
}

}  // namespace

void add_stat_command(CLI::App& app) {
  auto* command = app.add_subcommand("stat", "Show a server's counters");
  auto flags = std::make_shared<stat_flags>();
  command->add_option("--server", flags->server, "HOST:PORT or unix:PATH")->capture_default_str();
  command->add_option("--token", flags->token, "the tenant's token");
  command->add_flag("--json", flags->json, "as JSON");
  command->add_option("--watch", flags->watch_s, "again every so many seconds");
  command->callback([flags] { stat(*flags); });
}

}  // namespace chromatin
