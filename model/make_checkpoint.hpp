#pragma once

/// Random-weight checkpoints in the usual layout, for measuring speed: same shapes as real models, no meaning.

#include <filesystem>
#include <string>
#include <vector>

#include "model/config.hpp"

namespace chromatin::model {

/// Names of the known shapes.
std::vector<std::string> checkpoint_shapes();

/// Writes config, weights (BF16), tokenizer and template into `folder`, which must not hold a checkpoint yet. The
/// tokenizer is the one in `embedded`, padded with unused pieces up to the shape's vocabulary. The same shape and seed
/// give the same bytes. Throws load_error for an unknown shape or a folder that cannot be written.
void make_checkpoint(const std::string& shape, std::uint64_t seed, const std::filesystem::path& folder,
                     const std::filesystem::path& embedded);

}  // namespace chromatin::model
