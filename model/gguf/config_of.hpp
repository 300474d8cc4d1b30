#pragma once

/// A GGUF file's metadata as a config.

#include "model/config.hpp"
#include "model/gguf/contents.hpp"

namespace chromatin::model::gguf {

/// The metadata is written as the config.json that the model came from, and that is read: what is refused there by its
/// key is refused here, and named by the key of GGUF. Keys of the
/// architecture that nothing here reads are its `unknown_keys`. `context` as for model::read_config. Throws load_error.
config config_of(const contents& from, std::uint32_t context);

}  // namespace chromatin::model::gguf
