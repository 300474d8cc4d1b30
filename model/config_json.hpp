#pragma once

/// A config.json that is in memory.

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "model/config.hpp"

namespace chromatin::model {

/// As read_config, without generation_config.json; `where` begins every error.
config parse_config(const nlohmann::json& object, const std::string& where, std::uint32_t context);

}  // namespace chromatin::model
