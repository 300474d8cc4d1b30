#pragma once

/// The name that somebody meant who mistyped one. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace chromatin {

/// How many letters must be changed, added, left out or swapped with their neighbour to get from `a` to `b`; capitals
/// count as small letters.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The one of `names` that is nearest to `word`, the first of several; empty where none is near: more than one letter
/// in three is another.
std::string nearest(std::string_view word, const std::vector<std::string>& names);

}  // namespace chromatin
