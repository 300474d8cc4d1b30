#pragma once

/// Counts of faults in a file, so that they outlive a process that is killed.

#include <memory>
#include <string>

#include "io/faults.hpp"

namespace chromatin::io {

struct counted_faults {
  fault_counts disk, files;
};

/// Those in `file`, which is made if need be; shared with other processes that have it open. An empty name: of this
/// process only. Throws open_error.
std::shared_ptr<counted_faults> share_counts(const std::string& file);

}  // namespace chromatin::io
