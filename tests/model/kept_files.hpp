#pragma once

/// Files of the repository that several tests of models read.

#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

namespace chromatin::model {

inline const std::filesystem::path source_dir = CHROMATIN_SOURCE_DIR, embedded = source_dir / "assets/concierge";

/// Chat templates, and what Python's Jinja makes of them.
inline nlohmann::json template_renders() {
  return nlohmann::json::parse(std::ifstream{source_dir / "tests/data/templates/renders.json"});
}

}  // namespace chromatin::model
