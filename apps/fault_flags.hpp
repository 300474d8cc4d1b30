#pragma once

/// The options with which a server goes wrong on purpose, from a seed; see docs/faults.md. `chromatin soak` gives them
/// to its servers.

#include <CLI/CLI.hpp>

#include <memory>
#include <optional>
#include <string>

#include "actors/launch.hpp"
#include "io/faulty_vfs.hpp"
#include "io/shared_counts.hpp"

namespace chromatin {

struct fault_flags {
  std::uint64_t seed = 0;
  std::string disk, files;  ///< odds, as io::parse_odds reads them; empty: nothing is put in between
  std::string counts;       ///< file of io::counted_faults, so that they outlive a server that is killed
};

void add_fault_flags(CLI::App& command, fault_flags& flags);

/// While this lives, systems that are started with `options` have a faulty disk and faulty SQLite files, as the flags
/// say. Throws std::invalid_argument,
/// io::open_error.
class injected_faults {
 public:
  injected_faults(const fault_flags& flags, system_options& options);

 private:
  std::shared_ptr<io::counted_faults> counts_;
  std::optional<io::faulty_vfs> files_;
};

}  // namespace chromatin
