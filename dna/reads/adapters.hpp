#pragma once

#include <string_view>

namespace chromatin::dna {

/// The name of an instrument's adapter of which a read has a good part, in either direction, or "poly-G tail"; empty
/// where there is none. To tell people what their reads are: strands are found by their primers, whatever stands
/// outside.
std::string_view known_adapter(std::string_view read);

}  // namespace chromatin::dna
