/// chromatin top: how a server does, on a screen that is drawn again and again.

#include <chrono>
#include <ctime>
#include <optional>
#include <thread>

#include <fmt/chrono.h>
#include <unistd.h>

#include "apps/commands.hpp"
#include "apps/server_flags.hpp"
#include "apps/top/full_screen.hpp"
#include "apps/top/take.hpp"

namespace chromatin {
namespace {

struct top_flags {
  server_flags server;
  double every_s = 1;
};

void top_command(const top_flags& flags) {
  auto client = connect(flags.server);
  auto pause = std::chrono::milliseconds{static_cast<std::int64_t>(flags.every_s * 1000)};
  auto title = [&] {
    return fmt::format("chromatin top · {} · {:%H:%M:%S} · every {:.4g} s", flags.server.address,
                       fmt::localtime(std::time(nullptr)), flags.every_s);
  };
  auto before = top::take(client);
  if (::isatty(STDOUT_FILENO) != 1 || ::isatty(STDIN_FILENO) != 1) {
    std::this_thread::sleep_for(pause);  // rates need two samples
    fmt::print("{}", top::frame(top::take(client), &before, title(), {.columns = 120, .rows = 1000}));
    return;
  }
  top::full_screen terminal;
  const top::sample* none = nullptr;
  terminal.show(top::frame(before, none, title() + " · q leaves", terminal.size()));
  while (terminal.wait(pause)) {
    auto now = top::take(client);
    terminal.show(top::frame(now, &before, title() + " · q leaves", terminal.size()));
    before = std::move(now);
  }
}

}  // namespace

void add_top_command(CLI::App& app) {
  auto* command = app.add_subcommand("top", "Watch a server: tiers, queue, tokens a second, what is down; q leaves");
  auto flags = std::make_shared<top_flags>();
  add_server_flags(*command, flags->server);
  command->add_option("--every", flags->every_s, "seconds between two looks")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  command->callback([flags] { top_command(*flags); });
}

}  // namespace chromatin
