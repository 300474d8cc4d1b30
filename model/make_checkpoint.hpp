#pragma once

/// Random-weight checkpoints in the usual layout, for tests and for measuring speed: same shapes as real models, no
/// meaning.

#include <filesystem>
#include <string>

#include "model/checkpoint_shapes.hpp"

namespace chromatin::model {

/// Writes config, weights (BF16), tokenizer (see make_tokenizer.hpp) and template into `folder`, which must not hold a
/// checkpoint yet. The same shape and seed give the same bytes. Throws load_error for an unknown shape or a folder that
/// cannot be written.
void make_checkpoint(const std::string& shape, std::uint64_t seed, const std::filesystem::path& folder,
                     const std::filesystem::path& embedded);

}  // namespace chromatin::model
