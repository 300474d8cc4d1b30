#pragma once

/// A checkpoint for worlds whose kernels are emulated.

#include <string>

#include "model/make_checkpoint.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::test {

/// Random weights that attention depends on, small enough for kernels that are emulated.
inline std::string tiny_model() {
  static const temporary_folder folder;
  static const auto path = [] {
    auto at = (folder / "model").string();
    model::make_checkpoint("qwen2-tiny", 1, at, std::string{CHROMATIN_SOURCE_DIR} + "/assets/concierge");
    return at;
  }();
  return path;
}

}  // namespace chromatin::test
