/// `chromatin serve` as a program of its own: what `make serve` builds, in half the time of all commands.

#include "apps/command_line.hpp"
#include "apps/commands.hpp"
#include "apps/system_flags.hpp"

int main(int argc, char** argv) {
  return chromatin::run_commands(argc, argv, [](CLI::App& app, const std::vector<std::string>& arguments) {
    chromatin::add_serve_command(app, {}, arguments);
  });
}
