#pragma once

/// What programs have in common: how a command is read, and how mistakes are told.

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace chromatin {

/// Adds the commands that there are; `arguments` are the program's.
using add_commands = std::function<void(CLI::App& app, const std::vector<std::string>& arguments)>;

/// Runs the command that the arguments name and answers with the process's exit status.
int run_commands(int argc, char** argv, const add_commands& add);

}  // namespace chromatin
