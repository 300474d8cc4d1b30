#pragma once

#include <string>

#include "apps/replay/summary.hpp"

namespace chromatin::replay {

/// The runs side by side, for a terminal; a null run is left out. The last column is the change in percent when both
/// are there.
std::string text_table(const summary* off, const summary* on);

}  // namespace chromatin::replay
