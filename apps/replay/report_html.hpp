#pragma once

/// A run as a page to look at: self-contained HTML with inline SVG, light and dark, printable.

#include <string>

#include "apps/replay/heading.hpp"
#include "apps/replay/run.hpp"

namespace chromatin::replay {

/// `off` may be null when only one run was made, and so may `on`; not both.
std::string report_html(const run_result* off, const run_result* on, const heading& about);

}  // namespace chromatin::replay
