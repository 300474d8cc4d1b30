#pragma once

/// Tokenizers for checkpoints of random weights.

#include <filesystem>

#include "model/checkpoint_shapes.hpp"

namespace chromatin::model {

/// Writes the tokenizer's files and the chat template into `folder`, so that the checkpoint can be talked to: for Llama
/// 3 and Qwen2 a byte-level `tokenizer.json` with some common merges, else the SentencePiece model of `embedded`,
/// padded with unused pieces up to the shape's vocabulary. Throws load_error for files that cannot be read or written.
void make_tokenizer(const checkpoint_shape& shape, const std::filesystem::path& folder,
                    const std::filesystem::path& embedded);

/// Throws load_error.
void write_text(const std::filesystem::path& file, const std::string& text);

}  // namespace chromatin::model
