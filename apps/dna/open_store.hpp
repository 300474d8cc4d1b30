#pragma once

/// A store that takes long to be read says so in a terminal.

#include <filesystem>

#include "dna/partition/store.hpp"
#include "io/progress.hpp"

namespace chromatin::dna {

/// Throws as store::open.
inline store open_store(const std::filesystem::path& folder, store::access how) {
  return io::waiting("reading " + folder.string(), [&] { return store::open(folder, how); });
}

}  // namespace chromatin::dna
