#pragma once

/// A checkpoint folder as a GGUF file, as llama.cpp's own converter would write it.

#include <filesystem>
#include <functional>
#include <string>

#include "tests/support/gguf_writer.hpp"

namespace chromatin::test {

struct gguf_options {
  gguf_type type = gguf_type::bf16;                  ///< of matrices
  std::function<void(gguf_writer&)> more_keys = {};  ///< are added
};

/// LLaMA, Mistral and Qwen2, with a tokenizer.model or a byte-level tokenizer.json.
gguf_writer gguf_of(const std::filesystem::path& folder, const gguf_options& options = {});

/// The keys of a byte-level `tokenizer.json`; ids without a token are filled up to `vocabulary`.
void add_byte_level(const std::filesystem::path& tokenizer_json, const std::string& pre, std::size_t vocabulary,
                    gguf_writer& out);

/// Of a tensor: vectors are F32, and rows that are no whole blocks are F16.
gguf_type stored_type(const std::vector<std::uint64_t>& shape, gguf_type wanted);

/// The values as they are in a file of that type.
std::vector<float> rounded(const std::vector<float>& values, gguf_type type);

void write_bytes(const std::filesystem::path& file, std::string_view bytes);

}  // namespace chromatin::test
