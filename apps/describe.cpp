/// chromatin describe: the program's options as man pages and completions, for packages. Not shown by --help.

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "apps/commands.hpp"
#include "apps/manual/completions.hpp"
#include "apps/manual/man_page.hpp"

namespace chromatin {
namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out{file};
  if (!(out << text << std::flush)) throw std::runtime_error(file.string() + ": cannot be written");
}

void describe(const CLI::App& program, const std::filesystem::path& folder) {
  auto all = manual::commands_of(program);
  for (const auto& c : all) write(folder / "man" / (c.name("-") + ".1"), manual::man_page(c, all, CHROMATIN_VERSION));
  write(folder / "bash/chromatin", manual::bash_completion(all));
  write(folder / "zsh/_chromatin", manual::zsh_completion(all));
  write(folder / "fish/chromatin.fish", manual::fish_completion(all));
}

}  // namespace

void add_describe_command(CLI::App& app) {
  auto* command = app.add_subcommand("describe", "Write man pages and completions")->group("");
  auto folder = std::make_shared<std::filesystem::path>();
  command->add_option("FOLDER", *folder, "to write to: man, bash, zsh, fish")->required();
  command->callback([&app, folder] { describe(app, *folder); });
}

}  // namespace chromatin
