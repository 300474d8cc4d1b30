#pragma once

/// The runs side by side, as rows for any page and as text for a terminal. Pure.

#include <string>
#include <vector>

#include "apps/replay/summary.hpp"

namespace chromatin::replay {

/// Cells are empty where there is no run, or nothing to compare.
struct table_row {
  std::string name;
  bool part = false;  ///< of the row above: shown indented
  std::string off, on;
  std::string change;  ///< from `off` to `on`, in percent
};

/// `off` may be null when only one run was made, and so may `on`.
std::vector<table_row> table_rows(const summary* off, const summary* on);

std::string text_table(const summary* off, const summary* on);

}  // namespace chromatin::replay
