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

std::string or_meant(const std::string& word, const std::vector<std::string>& names, const std::string& before = {}) {
  auto meant = nearest(word, names);
  return meant.empty() ? "" : fmt::format("; did you mean {}{}?", before, meant);
}

std::vector<std::string> commands_of(const CLI::App& program) {
  std::vector<std::string> names;
  for (const auto* command : program.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

/// Without their dashes.
std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* option : command.get_options())
    names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
  return names;
}

/// What is in a config file and should not, of which CLI11 says "serve.contxt", or "srve.++" for a section.
std::string explain_config(const CLI::App& program, const std::string& what) {
  constexpr std::string_view begin = "INI was not able to parse ", section_end = ".++";
  if (!what.starts_with(begin)) return what;
  auto name = what.substr(begin.size());
  if (name.ends_with(section_end)) {
    name.resize(name.size() - section_end.size());
    return fmt::format("the config has a section [{}], which is no command{}", name,
                       or_meant(name, commands_of(program)));
  }
  auto point = name.rfind('.');
  if (point == name.npos)
    return fmt::format("the config cannot be understood at: {}; options stand below [serve]", name);
  auto section = name.substr(0, point), key = name.substr(point + 1);
  auto named = program.get_subcommands([&](const CLI::App* command) { return command->check_name(section); });
  return fmt::format("the config has a key {} in [{}], which is no option{}", key, section,
                     named.empty() ? "" : or_meant(key, options_of(*named.front())));
}

/// What is on the command line and should not, as it was typed.
std::string explain_extras(const CLI::App& command, const std::vector<std::string>& words) {
  std::string text = "not expected:";
  for (const auto& word : words) text += ' ' + word;
  for (const auto& word : words)
    if (word.starts_with("--")) return text + or_meant(word.substr(2, word.find('=') - 2), options_of(command), "--");
  return text;
}

/// Mistakes with what may have been meant; else the error's own words.
std::string explain(const CLI::App& program, const CLI::Error& error) {
  if (error.get_name() == "ConfigError") return explain_config(program, error.what());
  const auto* at = &program;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  auto words = at->remaining();
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError))  // its name is the command's
    return explain_extras(*at, words.empty() ? program.remaining() : words);
  bool asks_for_command = error.get_name() == "RequiredError" && at->get_require_subcommand_min() > 0;
  if (!asks_for_command || words.empty() || words.front().starts_with('-')) return error.what();
  return fmt::format("there is no command {}{}", words.front(), or_meant(words.front(), commands_of(*at)));
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
