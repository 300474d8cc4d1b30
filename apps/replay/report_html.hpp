#pragma once

/// A run as a page to look at: self-contained HTML with inline SVG, light and dark, printable.

#include <string>

#include "apps/replay/run.hpp"

namespace chromatin::replay {

/// `off` may be null when only one run was made, and so may `on`; not both. `title` says what was played on what.
std::string report_html(const run_result* off, const run_result* on, const std::string& title);

}  // namespace chromatin::replay
