#pragma once

#include <stdexcept>

namespace chromatin::model {

/// A checkpoint folder that cannot be used. The text is one line: what is wrong, where, and the way out if there is
/// one.
struct load_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace chromatin::model
