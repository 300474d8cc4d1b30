#pragma once

/// What a config.json may ask for and this project does not compute.

#include <string>
#include <vector>

#include "model/json_node.hpp"

namespace chromatin::model {

/// Refuses every key that would change the computation in a way that is not built, unless its value is the one that
/// changes nothing. Keys that were asked for already have been honoured and are left out. `config.asked` is set.
void refuse_unbuilt(const json_node& config);

/// Keys that nobody asked for and that are not known as remarks. `config.asked` is set.
std::vector<std::string> unknown_keys(const json_node& config);

}  // namespace chromatin::model
