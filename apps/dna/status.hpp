#pragma once

#include <CLI/CLI.hpp>

namespace chromatin::dna {

/// How a command that reads a tube ends. 1 and 2 are errors of other kinds.
enum class status {
  all = 0,            ///< everything that the tube holds was read and is current
  part = 3,           ///< some of it
  nothing = 4,        ///< no block
  not_current = 5,    ///< what is written may be, or is, older than the newest in the tube: it is called as-of-commit-N
  reads_damaged = 6,  ///< everything was read, though a file of reads was cut short
};

/// Ends the command with this status; returns where it is 0.
inline void end_with(status how) {
  if (how != status::all) throw CLI::RuntimeError{static_cast<int>(how)};
}

}  // namespace chromatin::dna
