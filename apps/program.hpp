#pragma once

/// The chromatin binary but its main(), so that tests can run it with parts of their own.

#include "actors/launch.hpp"

namespace chromatin {

/// Runs the command that the arguments name and answers with the process's exit status. What starts a system of its own
/// takes from `defaults` what no option sets.
int run_program(int argc, char** argv, const system_options& defaults = {});

}  // namespace chromatin
