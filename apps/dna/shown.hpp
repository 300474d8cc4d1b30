#pragma once

#include <string>
#include <string_view>

namespace chromatin::dna {

/// A name for people and for JSON: what is not UTF-8, and control characters, as \xNN.
std::string shown(std::string_view name);

}  // namespace chromatin::dna
