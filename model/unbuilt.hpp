#pragma once

/// What a config.json may ask for and this project does not compute.

#include <string_view>

#include "model/json_node.hpp"

namespace chromatin::model {

/// Refuses every key that would change the computation in a way that is not built, unless its value is the one that
/// changes nothing. Keys that are not known here are taken as remarks, as the reference implementation takes them.
void refuse_unbuilt(const json_node& config, std::string_view architecture);

/// Refuses attention that slides over less than `context` tokens: pages would have to be forgotten while they are read.
void refuse_sliding(const json_node& config, std::string_view architecture, std::uint32_t context,
                    std::uint32_t layers);

}  // namespace chromatin::model
