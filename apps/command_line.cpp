#include "apps/command_line.hpp"

#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "apps/flags/nearest.hpp"

namespace chromatin {
namespace {

/// Where a command's name is missing because what stands there is none: which one may have been meant. Else the error's
/// own words.
std::string explain(const CLI::App& program, const CLI::Error& error) {
  const auto* at = &program;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  auto words = at->remaining();
  bool asks_for_command = error.get_name() == "RequiredError" && at->get_require_subcommand_min() > 0;
  if (!asks_for_command || words.empty() || words.front().starts_with('-')) return error.what();
  std::vector<std::string> names;
  for (const auto* command : at->get_subcommands({})) names.push_back(command->get_name());
  auto meant = nearest(words.front(), names);
  return fmt::format("there is no command {}{}", words.front(),
                     meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
}

/// Errors repeat what files say: no byte of it may move the cursor or end the line.
std::string one_line(std::string_view error) {
  std::string shown;
  for (auto c : error)
    if (static_cast<unsigned char>(c) >= ' ' && c != '\x7f')
      shown += c;
    else
      shown += c == '\n' ? "\\n" : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return shown;
}

}  // namespace

int run_commands(int argc, char** argv, const add_commands& add) {
  // What a command prints is its result: the log goes beside it.
  spdlog::set_default_logger(spdlog::stderr_logger_mt("chromatin"));
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
  CLI::App app{
      "chromatin serves chat models and never throws a conversation's KV cache away.\n"
      "Start with `chromatin serve`, then `chromatin chat` in another terminal.",
      "chromatin"};
  app.set_version_flag("--version", CHROMATIN_VERSION);
  app.require_subcommand(1);
  app.set_config("--config", "", "TOML file with options, those of a command under its name: [serve]")
      ->type_name("FILE");
  app.allow_config_extras(false);
  app.failure_message([](const CLI::App* program, const CLI::Error& e) {
    return fmt::format("chromatin: {} (--help tells what there is)\n", explain(*program, e));
  });
  add(app, {argv + 1, argv + argc});
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "chromatin: %s\n", one_line(e.what()).c_str());
    return 1;
  }
}

}  // namespace chromatin
