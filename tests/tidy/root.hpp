#pragma once

#include <filesystem>

namespace chromatin::test {

/// Of the repository.
inline const std::filesystem::path root = CHROMATIN_SOURCE_DIR;

}  // namespace chromatin::test
