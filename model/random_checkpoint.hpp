#pragma once

/// A model of random weights that is nowhere but in memory, for measuring the speed of large ones.

#include <memory>
#include <string>

#include "model/checkpoint.hpp"

namespace chromatin::model {

/// A checkpoint of this shape without a tokenizer and a template, made in a moment: all matrices look into one block of
/// memory, at different places, and the block repeats some millions of random values. `context` as for
/// checkpoint::open. Throws load_error for an unknown shape.
std::shared_ptr<const checkpoint> random_checkpoint(const std::string& shape, std::uint64_t seed,
                                                    std::uint32_t context = 0);

}  // namespace chromatin::model
